import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

w, optimizer = mx.nd.zeros(1), mx.optimizer.SGD(momentum=0.9)
update = mx.optimizer.get_updater(optimizer)
for rate in (1.0, 0.1):
    optimizer.set_learning_rate(rate)
    update(0, mx.nd.ones(1), w)
print(w := w.asnumpy())  # -1, then -0.9 - 0.1
assert round(w.item(), 3) == -2.0
