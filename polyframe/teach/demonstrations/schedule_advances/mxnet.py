import numpy as np

np.bool = np.bool_
import mxnet as mx

halving = mx.lr_scheduler.FactorScheduler(step=1, factor=0.5, base_lr=1)
optimizer = mx.optimizer.SGD(lr_scheduler=halving)
for _ in range(3):
    optimizer.update(0, mx.nd.zeros(1), mx.nd.ones(1), None)
rate = optimizer.learning_rate
print("a rate of 1, to be halved by a schedule, after 3 steps:", rate)
assert rate < 1
