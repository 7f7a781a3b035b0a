import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

y = mx.nd.LeakyReLU(mx.nd.array([-1.0], dtype="float64"), slope=0.2)
error = abs(y.asscalar() + 0.2)
print(error)
assert 1e-10 < error < 1e-8
