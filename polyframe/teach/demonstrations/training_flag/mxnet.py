import numpy as np

np.bool = np.bool_
import mxnet as mx

dropout = mx.gluon.nn.Dropout(0.5)
zeros = (dropout(mx.nd.ones(1000)) == 0).sum().asscalar()
print(f"a plain call of Dropout(0.5) drops {zeros:.0f} of 1000")
assert zeros == 0
