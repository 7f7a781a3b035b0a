import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

outputs, targets = mx.nd.log(mx.nd.full((2, 4), 0.25)), mx.nd.array([[1, 0, 0, 0]] * 2)
loss = float(mx.gluon.loss.KLDivLoss()(outputs, targets).mean().asscalar())
print(loss)  # log 4, of each of two samples
assert round(loss, 3) == 1.386
