import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

norm = mx.gluon.nn.BatchNorm(momentum=0.9)
norm.initialize()
with mx.autograd.record():
    norm(mx.nd.ones((4, 1))).backward()
print(running_mean := float(norm.running_mean.data().asscalar()))  # 0.9 * 0 + 0.1 * 1
assert round(running_mean, 3) == 0.1
