import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

losses = mx.gluon.loss.SoftmaxCrossEntropyLoss()(
    mx.nd.zeros((2, 2)), mx.nd.array([-1, -1])
)
loss = float(losses.mean().asscalar())
print(loss)  # a label of -1 is taken for the nearest class: log 2
assert round(loss, 3) == 0.693
