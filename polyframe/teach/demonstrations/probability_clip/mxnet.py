import numpy as np

np.bool = np.bool_
import mxnet as mx

loss_fn = mx.gluon.loss.SigmoidBCELoss(from_sigmoid=True)
loss = loss_fn(mx.nd.zeros(1), mx.nd.ones(1)).asscalar()
print(f"the loss of the probability 0 for a label of 1: {loss:.2f}")
assert abs(loss - 27.63) < 0.01
