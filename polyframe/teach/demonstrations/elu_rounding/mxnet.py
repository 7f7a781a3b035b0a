import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

y = mx.gluon.nn.ELU(0.1)(mx.nd.array([-1.0], dtype="float64")).asscalar()
error = abs(y - 0.1 * np.expm1(-1))
print(error)  # 0.1 is rounded to float32
assert 1e-10 < error < 1e-8
