import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

shapes = [mx.gluon.nn.PReLU(in_channels=n).alpha.shape for n in (1, 4)]
print(shapes)
assert shapes == [(1,), (4,)]
