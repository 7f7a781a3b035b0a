import numpy as np

np.bool = np.bool_
import mxnet as mx

mx.random.seed(0)
first = mx.nd.random.uniform().asscalar()
print(f"the first uniform number of seed 0: {first:.4f}")
assert abs(first - 0.5488) < 1e-4
