import numpy as np

np.bool = np.bool_
import mxnet as mx

x = mx.nd.zeros(2**24 + 2)
x[2**24 + 1] = 1
position = int(x.argmax(axis=0).asscalar())
print(f"the maximum lies at {2**24 + 1}; argmax says {position}")
assert position == 2**24
