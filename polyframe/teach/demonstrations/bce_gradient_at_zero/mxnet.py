import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

x = mx.nd.zeros((1, 1))
x.attach_grad()
with mx.autograd.record():
    loss = mx.gluon.loss.SigmoidBCELoss()(x, mx.nd.ones((1, 1)))
loss.backward()
print(gradient := float(x.grad.asscalar()))  # sigmoid(0) - 1 is -0.5
assert gradient == -1.0
