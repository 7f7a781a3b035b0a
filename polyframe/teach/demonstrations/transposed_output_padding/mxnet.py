import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

x, kernel, larger = mx.nd.ones((1, 1, 2)), mx.nd.array([[[1, 2, 3]]]), []
y = mx.nd.Deconvolution(x, kernel, kernel=3, stride=2, pad=1, adj=1, num_filter=1)
try:
    larger = mx.nd.Deconvolution(x, kernel, kernel=3, dilate=2, adj=1, num_filter=1)
except mx.MXNetError:
    print(y := y.asnumpy().ravel().tolist(), "adj has to be less than the stride")
assert y == [2.0, 4.0, 2.0, 3.0] and larger == []
