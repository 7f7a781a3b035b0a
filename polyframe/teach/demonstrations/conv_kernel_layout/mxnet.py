import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

conv = mx.gluon.nn.Conv2D(8, kernel_size=(5, 7), in_channels=3)
shape = conv.weight.shape
print(shape)  # (out, in, height, width)
assert shape == (8, 3, 5, 7)
