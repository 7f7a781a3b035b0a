import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

shape = mx.gluon.nn.Dense(2, in_units=3).weight.shape
print(shape)  # (out, in)
assert shape == (2, 3)
