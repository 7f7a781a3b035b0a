import numpy as np

np.bool = np.bool_
import mxnet as mx

x = mx.nd.array([3])
try:
    with mx.autograd.record():
        print("for an input:", outcome := (x * x).backward() or x.grad)
except mx.MXNetError:
    print("the gradient for an input that nobody asked for:", outcome := "refused")
assert outcome == "refused"
