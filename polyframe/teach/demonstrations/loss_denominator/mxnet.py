import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

loss_fn, weights = mx.gluon.loss.SoftmaxCrossEntropyLoss(), mx.nd.array([[1], [3]])
losses = loss_fn(mx.nd.zeros((2, 2)), mx.nd.array([0, 1]), weights)
loss = float(losses.mean().asscalar())
print(losses.asnumpy(), loss)  # weights of samples only; (1 log 2 + 3 log 2) / 2
assert round(loss, 3) == 1.386
