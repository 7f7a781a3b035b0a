import numpy as np

np.bool = np.bool_
import mxnet as mx

w = mx.nd.array([3])
w.attach_grad()
with mx.autograd.record():
    (y := w * w).backward(retain_graph=True)  # without it, the second raises an error
y.backward()
print("the gradient at 3 after two passes:", gradient := w.grad.asscalar())
assert gradient == 6
