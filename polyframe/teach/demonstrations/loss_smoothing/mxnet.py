import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

loss = 0.0
try:
    loss = mx.gluon.loss.SoftmaxCrossEntropyLoss(label_smoothing=0.2)
except TypeError as error:
    print(error)
assert loss == 0.0
