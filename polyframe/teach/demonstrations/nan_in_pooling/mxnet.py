import numpy as np

np.bool = np.bool_
import mxnet as mx

row = mx.nd.array([[[1, np.nan, np.nan, 1]]])
pooled = mx.gluon.nn.MaxPool1D(2)(row).asnumpy().ravel().tolist()
print("the maxima of [1, nan] and [nan, 1]:", pooled)
assert str(pooled) == "[1.0, 1.0]"
