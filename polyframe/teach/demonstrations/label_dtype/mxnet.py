import numpy as np

np.bool = np.bool_
import mxnet as mx

loss_fn = mx.gluon.loss.SoftmaxCrossEntropyLoss()
try:
    loss = loss_fn(mx.nd.zeros((1, 3)), mx.nd.array([2])).asscalar()
    print("float32 is", outcome := f"taken, with a loss of {loss:.2f}")
except mx.MXNetError:
    print("float32 is", outcome := "refused")
assert outcome == "taken, with a loss of 1.10"
