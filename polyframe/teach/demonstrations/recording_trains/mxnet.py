import numpy as np

np.bool = np.bool_
import mxnet as mx

dropout, x = mx.gluon.nn.Dropout(0.5), mx.nd.ones(1000)
with mx.autograd.record():
    zeros = (dropout(x) == 0).sum().asscalar()
print(f"with gradients recorded, Dropout(0.5) drops {zeros:.0f} of 1000")
assert zeros > 400
