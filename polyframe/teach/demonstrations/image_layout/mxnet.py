import numpy as np

np.bool = np.bool_
import mxnet as mx

images = mx.nd.zeros((1, 3, 8, 9))
conv = mx.gluon.nn.Conv2D(5, 3)
conv.initialize()
shape = conv(images).shape
print("5 filters of 3 x 3 on an array (1, 3, 8, 9):", shape)
assert shape == (1, 5, 6, 7)
