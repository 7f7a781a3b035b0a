import numpy as np

np.bool = np.bool_
import mxnet as mx

w = mx.gluon.Parameter("w", shape=1)
w.initialize(mx.init.One())
with mx.autograd.record():
    (0 * w.data()).backward()
mx.gluon.Trainer([w], "sgd", {"learning_rate": 1, "wd": 0.01}).step(1)
print("0.01 moves a weight of 1 by", moved := 1 - w.data().asscalar())
assert abs(moved - 0.01) < 1e-6
