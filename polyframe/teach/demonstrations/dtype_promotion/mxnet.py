import numpy as np

np.bool = np.bool_
import mxnet as mx

try:
    total = mx.nd.ones(1, dtype="float32") + mx.nd.ones(1, dtype="float64")
    outcome = total.dtype.__name__
except mx.MXNetError:
    outcome = "refused"
print("float32 plus float64:", outcome)
assert outcome == "refused"
