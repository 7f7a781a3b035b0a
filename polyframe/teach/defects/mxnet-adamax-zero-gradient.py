import numpy as np

np.bool = np.bool_  # the name that MXNet 1.9.1 asks for at its import
import mxnet as mx

weight, gradient = mx.nd.ones(1), mx.nd.zeros(1)
optimizer = mx.optimizer.Adamax()
optimizer.update(0, weight, gradient, optimizer.create_state(0, weight))
print(f"a weight of 1 after a step with a gradient of 0: {weight.asscalar()}")
assert np.isnan(weight.asscalar())
