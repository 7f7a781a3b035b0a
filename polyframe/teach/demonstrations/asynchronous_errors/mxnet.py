import numpy as np

np.bool = np.bool_
import mxnet as mx

place = "in the call"
try:
    rows, place = mx.nd.ones(3).take(mx.nd.array([7]), mode="raise"), "on reading"
    rows.asnumpy()
except (mx.MXNetError, IndexError):
    print("the error shows", place)
assert place == "on reading"
