import numpy as np

np.bool = np.bool_
import mxnet as mx

w, gradient = mx.nd.zeros(1), mx.nd.ones(1)
cosine = mx.lr_scheduler.CosineScheduler(max_update=4, base_lr=1)
optimizer = mx.optimizer.SGD(lr_scheduler=cosine)
optimizer.update(0, w, gradient, None)
rate = -w.asscalar()
print(f"the rate of the first of 4 steps on a cosine from 1 to 0: {rate:.3f}")
assert abs(rate - 0.854) < 0.001
