import numpy as np

np.bool = np.bool_
import mxnet as mx

rows = None
try:
    rows = mx.nd.ones(3).take(mx.nd.array([7]), mode="raise")
    print("no error:", place := rows.asnumpy())
except mx.MXNetError:
    print("row 7: an error", place := "in the call" if rows is None else "on reading")
assert place == "on reading"
