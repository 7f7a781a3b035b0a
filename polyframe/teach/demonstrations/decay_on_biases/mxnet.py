import numpy as np

np.bool = np.bool_
import mxnet as mx

b = mx.gluon.Parameter("bias", shape=1)
b.initialize(mx.init.One())
with mx.autograd.record():
    (0 * b.data()).backward()
mx.gluon.Trainer([b], "sgd", {"learning_rate": 0.1, "wd": 1}).step(1)
print("a bias of 1 after a step with gradient 0:", bias := b.data().asscalar())
assert abs(bias - 0.9) < 1e-6
