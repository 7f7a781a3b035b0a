import numpy as np

np.bool = np.bool_
import mxnet as mx

deviation = mx.nd.moments(mx.nd.array([1, 3]), axes=[0])[1].sqrt().asscalar()
print(f"the standard deviation of 1 and 3: {deviation:.3f}")
assert abs(deviation - 1) < 0.001
