import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

x, kernel = mx.nd.ones((1, 1, 4)), mx.nd.ones((1, 1, 3))
sizes = {"kernel": (3,), "stride": (2,), "pad": (1,), "num_filter": 1}
same = mx.nd.Convolution(x, kernel, no_bias=True, **sizes).asnumpy().ravel().tolist()
print(same)  # the first window has the zero, at its beginning
assert same == [2.0, 3.0]
