import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

pool = mx.gluon.nn.AvgPool1D(3, strides=1, padding=1)
y = pool(mx.nd.ones((1, 1, 3))).asnumpy().ravel()
print(y)
assert [round(float(v), 3) for v in y] == [0.667, 1.0, 0.667]
