import numpy as np

np.bool = np.bool_
import mxnet as mx

arrays = [mx.nd.array([3]), mx.nd.array([4])]
mx.gluon.utils.clip_global_norm(arrays, max_norm=1)
gradients = [round(float(g.asscalar()), 3) for g in arrays]
print("the gradients 3 and 4, clipped to a norm of 1:", gradients)
assert gradients == [0.6, 0.8]
