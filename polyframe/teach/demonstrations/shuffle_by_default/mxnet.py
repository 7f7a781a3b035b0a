import numpy as np

np.bool = np.bool_
import mxnet as mx

loader = mx.gluon.data.DataLoader(mx.gluon.data.ArrayDataset(np.arange(20)), 1)
seen = [int(x.asscalar()) for x in loader]
print("the order of 20 samples:", seen)
assert seen == sorted(seen)
