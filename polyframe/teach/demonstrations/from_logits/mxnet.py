import numpy as np

np.bool = np.bool_
import mxnet as mx

loss_fn = mx.gluon.loss.SoftmaxCrossEntropyLoss()
loss = loss_fn(mx.nd.array([[2, 0.5]]), mx.nd.array([0])).asscalar()
print(f"the loss of the outputs 2 and 0.5 for the first class: {loss:.4f}")
assert abs(loss - 0.2014) < 1e-4
