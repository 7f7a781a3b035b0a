import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

norm = mx.gluon.nn.BatchNorm(momentum=0.0)  # keeps the last batch's
norm.initialize()
with mx.autograd.record():
    norm(mx.nd.array([[-1.0], [1.0]])).backward()
print(running_variance := float(norm.running_var.data().asscalar()))  # divided by n
assert round(running_variance, 3) == 1.0
