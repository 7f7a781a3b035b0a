import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

array, options = mx.nd.zeros(1), {"gamma1": 0.0, "epsilon": 1.0}
update = mx.optimizer.get_updater(mx.optimizer.RMSProp(1.0, **options))
update(0, mx.nd.ones(1), array)
w = float(array.asscalar())
print(w)  # 1 / sqrt(1 + 1)
assert round(w, 3) == -0.707
