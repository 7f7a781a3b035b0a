import numpy as np

np.bool = np.bool_
import mxnet as mx

images = mx.nd.ones((2, 3, 8, 8))
shape = mx.gluon.nn.GlobalAvgPool2D()(images).shape
print("global average pooling of 2 images with 3 channels gives", shape)
assert shape == (2, 3, 1, 1)
