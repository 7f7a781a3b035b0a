import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

norm = mx.gluon.nn.BatchNorm(momentum=0.9)
norm.initialize()
norm.cast("float64")
with mx.autograd.record():
    norm(mx.nd.ones((4, 1), dtype="float64")).backward()
print(error := abs(norm.running_mean.data().asscalar() - 0.1))
assert 1e-9 < error < 1e-6
