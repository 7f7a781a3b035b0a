import numpy as np

np.bool = np.bool_
import mxnet as mx

w = mx.nd.array([1])
w.attach_grad()  # grad_req="add" would add
for _ in range(3):
    with mx.autograd.record():
        (2 * w).backward()
print("after 3 passes, each of a gradient of 2:", gradient := w.grad.asscalar())
assert gradient == 2
