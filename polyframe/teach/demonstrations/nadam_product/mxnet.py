import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

w = [mx.nd.zeros(1) for _ in range(2)]
update = mx.optimizer.get_updater(mx.optimizer.Nadam(1.0))
for index, array in enumerate(w):
    update(index, mx.nd.ones(1), array)
moved = [round(float(array.asscalar()), 3) for array in w]
print(moved)  # two equal parameters with equal gradients
assert moved == [-1.056, -0.739]
