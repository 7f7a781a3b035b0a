import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

image = mx.nd.array([[[0.0, 1.0]], [[10.0, 11.0]]])  # (channel, height, width)
flat = mx.gluon.nn.Flatten()(image.expand_dims(0))[0].asnumpy().tolist()
print(flat)
assert flat == [0, 1, 10, 11]
