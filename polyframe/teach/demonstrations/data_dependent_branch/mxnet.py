import numpy as np

np.bool = np.bool_
import mxnet as mx

absolute = mx.gluon.nn.HybridLambda(lambda F, x: x if x.sum() > 0 else -x)
absolute.hybridize()
try:
    print("a branch on a value, at -3:", outcome := absolute(mx.nd.array([-3])))
except mx.MXNetError:
    print("a branch on a value, at -3:", outcome := "refused")
assert outcome == "refused"
