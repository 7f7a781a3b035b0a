import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

w, optimizer = [mx.nd.ones(1) for _ in range(5)], mx.optimizer.LARS(momentum=0.9, eta=1)
update = mx.optimizer.get_updater(optimizer)
for rate in (0.1, 0.2):
    optimizer.set_learning_rate(rate)
    update(list(range(5)), [mx.nd.ones(1)] * 5, w)
print(w := [round(float(array.asscalar()), 2) for array in w])  # five equal ones
assert len(set(w[:4])) == 1 and len(set(w)) == 2
