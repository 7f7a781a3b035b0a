import numpy as np

np.bool = np.bool_
import mxnet as mx

loss_fn = mx.gluon.loss.L2Loss()
shape = loss_fn(mx.nd.ones((4, 2)), mx.nd.zeros((4, 2))).shape
print("the loss of 4 samples has the shape", shape)
assert shape == (4,)
