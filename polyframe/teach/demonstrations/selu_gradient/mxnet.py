import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

x = mx.nd.array([-1.6])
x.attach_grad()
with mx.autograd.record():
    y = mx.gluon.nn.SELU()(x)
y.backward()
print(gradient := float(x.grad.asscalar()), 1.0507 * 1.67326 * np.exp(-1.6))
assert round(gradient, 3) == 0.284
