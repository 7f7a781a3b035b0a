import numpy as np

np.bool = np.bool_  # the name that MXNet 1.9.1 asks for at its import
import mxnet as mx

errors = []
for dtype, dilate in (("float64", ()), ("float32", (2, 2, 2))):
    x, w = (mx.nd.ones((1, 1, 2, 2, 2), dtype=dtype) for _ in range(2))
    options = {"kernel": (2, 2, 2), "num_filter": 1, "dilate": dilate}
    try:
        mx.nd.Deconvolution(x, w, **options).wait_to_read()
    except mx.MXNetError as raised:
        errors.append(str(raised).splitlines()[-1].rpartition(": ")[2])
print("\n".join(errors))
assert len(errors) == 2
