import numpy as np

np.bool = np.bool_
import mxnet as mx

w = mx.nd.ones(1)
w.attach_grad()
try:
    print("recorded in a plain call:", recorded := (2 * w).backward() is None)
except mx.MXNetError:
    print("recorded in a plain call:", recorded := False)
assert not recorded
