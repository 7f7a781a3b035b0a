import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

norm = mx.gluon.nn.GroupNorm(2)
norm.initialize()
norm(mx.nd.ones((1, 4, 8, 8)))
print(shape := norm.gamma.shape)
assert shape == (2,)
