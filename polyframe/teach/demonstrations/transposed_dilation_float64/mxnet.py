import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

sizes = {"kernel": 3, "stride": 2, "dilate": 2, "num_filter": 1}
ones = [mx.nd.ones((1, 1, 3), dtype=dtype) for dtype in ("float32", "float64")]
single, double = [mx.nd.Deconvolution(x, x, **sizes).asnumpy().ravel() for x in ones]
print(single, double)
error = abs(single - double).max()
assert error == 1.0
