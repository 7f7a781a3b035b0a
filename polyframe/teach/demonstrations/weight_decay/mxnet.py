import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

w = mx.nd.ones(1)
update = mx.optimizer.get_updater(mx.optimizer.Adam(0.1, wd=0.1))
update(0, mx.nd.zeros(1), w)
moved = [round(1 - float(w.asscalar()), 3)]
print(moved)  # a whole step of Adam; there is no class AdamW
assert moved == [0.1]
