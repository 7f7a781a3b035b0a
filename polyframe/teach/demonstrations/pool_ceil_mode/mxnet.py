import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

options = {"kernel": 2, "stride": 2, "pool_type": "max", "pooling_convention": "full"}
five = mx.nd.Pooling(mx.nd.ones((1, 1, 5)), **options)
three = mx.nd.Pooling(mx.nd.ones((1, 1, 3)), pad=1, **options)
sizes = (five.shape[2], three.shape[2])
print(sizes)
assert sizes == (3, 3)
