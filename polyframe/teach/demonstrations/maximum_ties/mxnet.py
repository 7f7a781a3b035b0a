import numpy as np

np.bool = np.bool_
import mxnet as mx

a, b = mx.nd.ones(1), mx.nd.ones(1)
with mx.autograd.record():
    mx.autograd.mark_variables([a, b], [mx.nd.zeros(1), mx.nd.zeros(1)])
    mx.nd.maximum(a, b).backward()
gradients = (a.grad.asscalar(), b.grad.asscalar())
print("gradients of the maximum of two equal numbers:", gradients)
assert gradients == (1, 0)
