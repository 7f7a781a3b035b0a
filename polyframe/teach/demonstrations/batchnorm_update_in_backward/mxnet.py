import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

norm = mx.gluon.nn.BatchNorm(momentum=0.9)
norm.initialize()
with mx.autograd.record():
    norm(mx.nd.ones((4, 1))).wait_to_read()
print(running_mean := float(norm.running_mean.data().asscalar()))
assert running_mean == 0.0
