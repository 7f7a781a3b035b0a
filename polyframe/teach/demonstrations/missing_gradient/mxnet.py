import numpy as np

np.bool = np.bool_
import mxnet as mx

w = mx.gluon.Parameter("w", shape=1)
w.initialize(mx.init.One())
try:
    print("after a step:", outcome := mx.gluon.Trainer([w], "sgd").step(1))
except UserWarning:
    print("a step without a gradient is", outcome := "refused")
assert outcome == "refused"
