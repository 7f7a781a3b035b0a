import numpy as np

np.bool = np.bool_
from mxnet.contrib.amp.loss_scaler import LossScaler

scale = LossScaler().loss_scale
print("the loss is first multiplied by", scale)
assert scale == 2**16
