import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

w = mx.nd.ones(1)
optimizer = mx.optimizer.AdaDelta(learning_rate=0.0)
mx.optimizer.get_updater(optimizer)(0, mx.nd.ones(1), w)
print(moved := 1 - float(w.asscalar()))
assert moved > 0
