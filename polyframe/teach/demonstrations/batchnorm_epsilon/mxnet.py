import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

norm = mx.gluon.nn.BatchNorm()
norm.initialize()
with mx.autograd.train_mode():
    y = float(norm(mx.nd.array([[-0.01], [0.01]]))[1].asscalar())
print(y)  # epsilon is 1e-5
assert round(y, 3) == 0.953
