import numpy as np

np.bool = np.bool_
import mxnet as mx

array = np.zeros(100, "float32")
tensor = mx.nd.array(array)
array[0] = 1
shared = tensor[0].asscalar() == 1
print("a change of the array changes the tensor:", shared)
assert not shared
