import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

w, m, v = [mx.nd.zeros(1) for _ in range(3)]
mx.nd.adam_update(w, mx.nd.ones(1), m, v, lr=0.001, beta2=0.999, out=w)
error = abs(float(v.asscalar()) / 0.001 - 1)
print(error)  # of 1 - beta2
assert error > 1e-5
