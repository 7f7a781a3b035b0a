import numpy as np

np.bool = np.bool_
import mxnet as mx

dtype = mx.nd.array([1, 2]).dtype.__name__
print("the list [1, 2] becomes", dtype)
assert dtype == "float32"
