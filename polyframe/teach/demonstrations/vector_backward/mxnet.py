import numpy as np

np.bool = np.bool_
import mxnet as mx

w = mx.nd.array([1, 2])
w.attach_grad()
with mx.autograd.record():
    y = w * w
y.backward()
print("the gradient at [1, 2]:", gradient := w.grad.asnumpy().tolist())
assert gradient == [2, 4]
