import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

y = 0.0
try:
    y = mx.gluon.nn.LeakyReLU()(mx.nd.array([-1.0])).asscalar()
except TypeError as error:
    print(error)
assert y == 0
