import numpy as np

np.bool = np.bool_  # the name that MXNet 1.9.1 asks for at its import
import mxnet as mx

optimizer = mx.optimizer.LARS(momentum=0.9, eta=1.0)
update = mx.optimizer.get_updater(optimizer)
weights, indices = [mx.nd.ones(1) for _ in range(6)], list(range(6))
for rate in (0.1, 0.2):
    optimizer.set_learning_rate(rate)
    update(indices, [mx.nd.ones(1) for _ in range(6)], weights)
values = [round(float(weight.asscalar()), 3) for weight in weights]
print(f"six equal weights after two equal steps: {values}")
assert len(set(values[:4])) == len(set(values[4:])) == 1 and values[0] != values[4]
