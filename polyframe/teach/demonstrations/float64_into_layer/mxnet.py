import numpy as np

np.bool = np.bool_
import mxnet as mx

layer, x = mx.gluon.nn.Dense(1, in_units=2), mx.nd.ones((1, 2), dtype="float64")
layer.initialize()
try:
    print("float64 gives", outcome := layer(x).dtype.__name__)
except mx.MXNetError:
    print("float64 numbers in a layer with float32 weights:", outcome := "refused")
assert outcome == "refused"
