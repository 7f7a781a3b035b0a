import numpy as np

np.bool = np.bool_  # the name that MXNet 1.9.1 asks for at its import
import mxnet as mx

slopes = []
for label in (0, 1):
    logit = mx.nd.zeros(1)
    logit.attach_grad()
    with mx.autograd.record():
        loss = mx.gluon.loss.SigmoidBCELoss()(logit, mx.nd.array([label]))
    loss.backward()
    slopes.append(float(logit.grad.asscalar()))
print(f"slopes at a logit of 0, labels 0 and 1: {slopes}, right: [0.5, -0.5]")
assert slopes == [0.0, -1.0]
