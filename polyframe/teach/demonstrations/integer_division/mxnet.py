import numpy as np

np.bool = np.bool_
import mxnet as mx

three, two = (mx.nd.array([n], dtype="int32") for n in (3, 2))
quotient = (three / two).asscalar()
print("the integer 3 divided by the integer 2:", quotient)
assert quotient == 1
