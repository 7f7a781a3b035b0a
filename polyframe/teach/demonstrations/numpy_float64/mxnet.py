import numpy as np

np.bool = np.bool_
import mxnet as mx

dtype = mx.nd.array(np.zeros(2)).dtype.__name__
print("a NumPy array of float64 becomes", dtype)
assert dtype == "float32"
