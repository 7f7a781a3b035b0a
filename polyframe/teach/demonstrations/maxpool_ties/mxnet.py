import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

x = mx.nd.ones((1, 1, 2, 2))
x.attach_grad()
with mx.autograd.record():
    y = mx.nd.Pooling(x, kernel=(2, 2), pool_type="max")
y.backward()
print(gradient := x.grad.asnumpy().ravel().tolist())
assert gradient == [1.0, 0.0, 0.0, 0.0]
