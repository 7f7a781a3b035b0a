import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

y = float(mx.nd.hard_sigmoid(mx.nd.ones(1)).asscalar())
print(y)  # 0.2 * 1 + 0.5
assert round(y, 3) == 0.7
