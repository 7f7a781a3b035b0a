import numpy as np

np.bool = np.bool_  # the name that MXNet 1.9.1 asks for at its import
import mxnet as mx

error = ""
try:
    mx.nd.LRN(mx.nd.ones((1, 4, 2, 2), dtype="float64"), nsize=3).wait_to_read()
except mx.MXNetError as raised:
    error = str(raised).splitlines()[-1].partition("get_with_shape: ")[2]
print(error)
assert "data type do not match" in error
