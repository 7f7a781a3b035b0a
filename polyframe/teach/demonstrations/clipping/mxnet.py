import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

gradient = mx.nd.array([1e-6])
mx.gluon.utils.clip_global_norm([gradient], max_norm=5e-7)
kept = float(gradient.asscalar()) / 1e-6
print(kept)  # 5e-7 / (1e-6 + 1e-8)
assert round(kept, 3) == 0.495
