import numpy as np

np.bool = np.bool_
import mxnet as mx

x = mx.nd.array([-1, 0, 1, 6, 7])
x.attach_grad()
with mx.autograd.record():
    x.clip(0, 6).backward()
gradient = x.grad.asnumpy().tolist()
print("the gradients at -1, 0, 1, 6 and 7:", gradient)
assert gradient == [0, 1, 1, 1, 0]
