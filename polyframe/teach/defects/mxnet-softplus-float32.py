import numpy as np

np.bool = np.bool_  # the name that MXNet 1.9.1 asks for at its import
import mxnet as mx

x = mx.nd.array([-20])
value = float(mx.nd.Activation(x, act_type="softrelu").asscalar())
print(f"log(1 + exp(-20)): {value:.1e}, right: {np.log1p(np.exp(-20)):.1e}")
assert value < 0
