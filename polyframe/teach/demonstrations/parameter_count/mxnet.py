import numpy as np

np.bool = np.bool_
import mxnet as mx

norm = mx.gluon.nn.BatchNorm(in_channels=3)
norm.initialize()
count = sum(p.data().size for p in norm.collect_params().values())
print("the parameters of a batch norm of 3 channels:", count)
assert count == 12
