import numpy as np

np.bool = np.bool_
import mxnet as mx

net = mx.gluon.nn.Dense(1, in_units=1)
net.initialize()
with mx.autograd.record():
    net(mx.nd.ones((1, 1))).backward()
mx.gluon.Trainer(net.collect_params(), "adam").step(1)
print("of the state:", saved := [n for n in net.collect_params() if "mean" in n])
assert saved == []
