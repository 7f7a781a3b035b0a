import numpy as np

np.bool = np.bool_  # the name that MXNet 1.9.1 asks for at its import
import mxnet as mx

x = mx.nd.ones((1, 8, 4, 4))
x.attach_grad()
with mx.autograd.record():
    y = mx.nd.concat(x, x, dim=1)
    kernel = mx.nd.ones((16, 16, 1, 1))
    z = mx.nd.Convolution(y, kernel, kernel=(1, 1), num_filter=16, no_bias=True)
z.wait_to_read()
print("forward done", flush=True)
z.backward()
x.grad.wait_to_read()
print("backward done")
