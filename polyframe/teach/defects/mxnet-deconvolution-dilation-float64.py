import numpy as np

np.bool = np.bool_  # the name that MXNet 1.9.1 asks for at its import
import mxnet as mx

results = {}
for dtype in ("float32", "float64"):
    x = mx.nd.array([[[1, 2]]], dtype=dtype)
    w = mx.nd.array([[[1, 10]]], dtype=dtype)
    sizes = {"kernel": (2,), "stride": (2,), "dilate": (2,), "num_filter": 1}
    results[dtype] = mx.nd.Deconvolution(x, w, **sizes).asnumpy()[0, 0].tolist()
print(results)
assert results["float32"] == [1, 0, 12, 0, 20]
assert results["float64"] == [1, 0, 10, 2, 20]
