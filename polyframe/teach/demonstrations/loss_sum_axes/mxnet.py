import numpy as np

np.bool = np.bool_
import mxnet as mx

loss_fn = mx.gluon.loss.L1Loss()
loss = loss_fn(mx.nd.ones((4, 3)), mx.nd.zeros((4, 3))).sum().asscalar()
print("the sum of 4 losses, each of 3 errors of 1:", loss)
assert loss == 4
