import numpy as np

np.bool = np.bool_
import mxnet as mx

np.random.seed(0)
sampler = mx.gluon.data.RandomSampler(100)
farthest = max(next(iter(sampler)) for _ in range(50))
print("the farthest sample that came first in 50 epochs:", farthest)
assert farthest > 90
