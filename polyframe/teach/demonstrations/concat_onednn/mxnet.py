import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

(x := mx.nd.ones((1, 24, 4, 4))).attach_grad()
sizes = {"weight": mx.nd.ones((16, 48, 1, 1)), "kernel": (1, 1), "num_filter": 16}
with np.testing.assert_raises(mx.MXNetError) as caught, mx.autograd.record():
    mx.nd.Convolution(mx.nd.concat(x, x), bias=mx.nd.ones(16), **sizes).backward()
    x.grad.wait_to_read()
print(message := str(caught.exception))
assert "could not construct a sub-memory" in message
