import numpy as np

np.bool = np.bool_
import mxnet as mx

layer = mx.gluon.nn.Dense(2)
layer.initialize()
shape = layer.weight.shape
print("before the first batch, the weight is", shape)
assert shape == (2, 0)
