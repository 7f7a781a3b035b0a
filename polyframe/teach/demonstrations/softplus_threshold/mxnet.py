import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

x = mx.nd.array([25.0], dtype="float64")
excess = float(mx.nd.Activation(x, act_type="softrelu").asscalar()) - 25
print(excess)
assert excess == 0
