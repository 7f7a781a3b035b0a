import numpy as np

np.bool = np.bool_
import mxnet as mx

w = mx.gluon.Parameter("w", shape=1)
w.initialize(mx.init.Zero())
with mx.autograd.record():
    (w.data() * mx.nd.ones(4)).sum().backward()
mx.gluon.Trainer([w], "sgd", {"learning_rate": 1}).step(4)
print("4 gradients of 1, rate 1: w moves by", moved := -w.data().asscalar())
assert moved == 1
