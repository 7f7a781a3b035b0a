import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

x = mx.nd.ones((1, 1, 3, 3))
x.attach_grad()
with mx.autograd.record():
    y = mx.gluon.nn.AvgPool2D(2, ceil_mode=True)(x)
y.backward()
print(gradient := x.grad[0, 0].asnumpy().tolist())  # the last window has one number
assert gradient[2][2] == 0.25
