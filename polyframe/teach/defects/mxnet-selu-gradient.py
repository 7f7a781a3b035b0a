import numpy as np

np.bool = np.bool_  # the name that MXNet 1.9.1 asks for at its import
import mxnet as mx

x = mx.nd.array([-1.6])
x.attach_grad()
with mx.autograd.record():
    y = mx.nd.LeakyReLU(x, act_type="selu")
y.backward()
right = 1.0507009873554805 * 1.6732632423543772 * np.exp(-1.6)
print(f"slope of SELU at -1.6: {x.grad.asscalar():.3f}, right: {right:.3f}")
assert abs(x.grad.asscalar() - right) > 0.05
