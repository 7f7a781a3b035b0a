import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

x = mx.nd.array([[[-1.0, -1.0]]])
value = mx.nd.Pooling(x, kernel=2, pool_type="lp", p_value=3).asscalar()
print(value)
assert round(float(value), 3) == -1.26
