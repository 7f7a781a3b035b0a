import numpy as np

np.bool = np.bool_  # the name that MXNet 1.9.1 asks for at its import
import mxnet as mx

norm = mx.gluon.nn.BatchNorm(in_channels=1, momentum=0.9)
norm.cast("float64")
norm.initialize()
with mx.autograd.record():
    y = norm(mx.nd.array([[1], [2]], dtype="float64"))
y.backward()
error = abs(norm.running_mean.data().asscalar() / 0.15 - 1)
print(f"relative error of the float64 running mean: {error:.0e}")
assert error > 1e-10
