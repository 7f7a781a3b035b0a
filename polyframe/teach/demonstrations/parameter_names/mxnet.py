import numpy as np

np.bool = np.bool_
import mxnet as mx

first, second = (mx.gluon.nn.Dense(2, in_units=2) for _ in range(2))
names = [list(net.collect_params()) for net in (first, second)]
print("two equal layers:", names)
assert names[0] != names[1]
