import numpy as np

np.bool = np.bool_
import mxnet as mx

norm = mx.gluon.nn.BatchNorm(in_channels=1)
norm.initialize()
with mx.autograd.train_mode():
    outcome = norm(mx.nd.array([[3]])).asscalar()
print("a batch norm in training, of a single number:", outcome)
assert outcome == 0
