import numpy as np

np.bool = np.bool_
import mxnet as mx

calls = []
net = mx.gluon.nn.HybridLambda(lambda F, x: calls.append(F) or 2 * x)
net.hybridize()
results = [net(mx.nd.ones(2)) for _ in range(3)]
print(f"the Python function ran {len(calls)} times in 3 calls")
assert len(calls) == 1
