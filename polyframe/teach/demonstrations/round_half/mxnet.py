import numpy as np

np.bool = np.bool_
import mxnet as mx

rounded = mx.nd.round(mx.nd.array([0.5, 1.5, 2.5])).asnumpy().tolist()
print("0.5, 1.5 and 2.5 are rounded to", rounded)
assert rounded == [1, 2, 3]
