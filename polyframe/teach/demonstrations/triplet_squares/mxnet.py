import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

anchor, positive, negative = [mx.nd.array([[v]]) for v in (0.0, 1.0, 1.2)]
loss = mx.gluon.loss.TripletLoss(margin=1)(anchor, positive, negative)
loss = float(loss.asscalar())
print(loss)  # 1 - 1.2 ** 2 + 1
assert round(loss, 2) == 0.56
