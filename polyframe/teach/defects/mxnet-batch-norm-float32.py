import numpy as np

np.bool = np.bool_  # the name that MXNet 1.9.1 asks for at its import
import mxnet as mx


def by_definition(x):
    return (x - x.mean()) / np.sqrt(x.var() + x.dtype.type(1e-5))


x = 100 + np.random.default_rng(0).normal(size=(64, 1, 8, 8)).astype("float32")
norm = mx.gluon.nn.BatchNorm(in_channels=1)
norm.initialize()
with mx.autograd.record():
    y = norm(mx.nd.array(x)).asnumpy()
exact = by_definition(x.astype("float64"))
errors = [abs(value - exact).max() for value in (y, by_definition(x))]
factor = errors[0] / errors[1]  # its digits depend on where the arrays lie in memory
print(f"error over that of NumPy in float32: {'above' if factor > 50 else 'below'} 50")
assert factor > 50
