import numpy as np

np.bool = np.bool_  # the name that MXNet 1.9.1 asks for at its import
import mxnet as mx

gradients = {}
for dtype in ("float32", "float64"):
    x = mx.nd.ones((1, 1, 3, 3), dtype=dtype)
    x.attach_grad()
    with mx.autograd.record():
        options = {"kernel": (2, 2), "stride": (2, 2), "pooling_convention": "full"}
        y = mx.nd.Pooling(x, pool_type="avg", **options)
    y.backward()
    gradients[dtype] = x.grad.asnumpy()[0, 0].tolist()
print(gradients)
assert gradients["float32"][2] == [0.25, 0.25, 0.25]
assert gradients["float64"][2] == [0.5, 0.5, 1]
