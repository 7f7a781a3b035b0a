import numpy as np

np.bool = np.bool_  # the name that MXNet 1.9.1 asks for at its import
import mxnet as mx

optimizer = mx.optimizer.Nadam()
weights = [mx.nd.ones(1) for _ in range(3)]
for index, weight in enumerate(weights):
    state = optimizer.create_state(index, weight)
    optimizer.update(index, weight, mx.nd.ones(1), state)
moved = [round(1 - float(weight.asscalar()), 5) for weight in weights]
print(f"first step of three equal weights with equal gradients: {moved}")
assert moved[0] > moved[1] > moved[2]
