import numpy as np

np.bool = np.bool_  # the name that MXNet 1.9.1 asks for at its import
import mxnet as mx

x = mx.nd.array([0.5], dtype="float64")
x.attach_grad()
with mx.autograd.record():
    y = mx.nd.erf(x)
y.backward()
error = abs(x.grad.asscalar() / (2 / np.sqrt(np.pi) * np.exp(-0.25)) - 1)
print(f"relative error of the float64 gradient: {error:.0e}")
assert error > 1e-10
