import numpy as np

np.bool = np.bool_  # the name that MXNet 1.9.1 asks for at its import
import mxnet as mx

x, ones = mx.nd.ones((1, 1, 2), dtype="float64"), mx.nd.ones(1, dtype="float64")
error = ""
try:
    mx.nd.InstanceNorm(x, ones, ones).wait_to_read()
except mx.MXNetError as raised:
    error = str(raised).splitlines()[-1]
print(error.rpartition(": ")[2])
assert "Unsupported data type" in error
