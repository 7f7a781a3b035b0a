import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

y = mx.nd.LRN(mx.nd.ones((1, 3, 1, 1)), nsize=3, alpha=1, beta=1, knorm=1)
print(middle := float(y[0, 1].asscalar()))  # 1 / (1 + 3 / 3)
assert round(middle, 3) == 0.5
