import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

w = mx.nd.ones(1)
mx.optimizer.get_updater(mx.optimizer.Adamax())(0, mx.nd.zeros(1), w)
print(value := float(w.asscalar()))  # 0 / 0
assert str(value) == "nan"
