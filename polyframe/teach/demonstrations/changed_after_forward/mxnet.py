import numpy as np

np.bool = np.bool_
import mxnet as mx

w = mx.nd.array([3])
w.attach_grad()
with mx.autograd.record():
    y = w * w
w[:] = 5  # before the backward pass
print("the gradient at 3:", gradient := mx.autograd.grad(y, [w])[0].asscalar())
assert gradient == 10
