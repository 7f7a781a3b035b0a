import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

mx.random.seed(0)
dense = mx.gluon.nn.Dense(300, in_units=100)
dense.initialize()
parameters = (dense.weight, dense.bias)
largest, bias = [float(p.data().abs().max().asscalar()) for p in parameters]
print(largest, bias)
assert (round(largest, 2), round(bias, 2)) == (0.07, 0.0)
