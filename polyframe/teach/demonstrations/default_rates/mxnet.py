import numpy as np

np.bool = np.bool_
import mxnet as mx

rate = mx.optimizer.SGD().learning_rate
print("the default learning rate of SGD:", rate)
assert rate == 0.01
