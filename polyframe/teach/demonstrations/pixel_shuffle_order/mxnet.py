import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

y = mx.nd.depth_to_space(mx.nd.arange(8).reshape((1, 8, 1, 1)), 2)
first = y[0, 0].asnumpy().ravel().tolist()
print(first)
assert first == [0, 2, 4, 6]
