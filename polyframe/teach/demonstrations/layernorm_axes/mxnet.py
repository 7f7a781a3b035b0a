import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

x = np.random.default_rng(0).normal(size=(4, 8))
ones, zeros = mx.nd.ones(8, dtype="float64"), mx.nd.zeros(8, dtype="float64")
y = mx.nd.LayerNorm(mx.nd.array(x, dtype="float64"), ones, zeros, eps=1e-5).asnumpy()
exact = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
print(error := abs(y - exact).max())
assert 1e-14 < error < 1e-11
