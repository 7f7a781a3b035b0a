import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

array = mx.nd.zeros(1)
update = mx.optimizer.get_updater(mx.optimizer.Adam(1.0, epsilon=1.0))
update(0, mx.nd.ones(1), array)
w = float(array.asscalar())
print(w)  # sqrt(0.001) / 0.1 * 0.1 / (sqrt(0.001) + 1)
assert round(w, 3) == -0.031
