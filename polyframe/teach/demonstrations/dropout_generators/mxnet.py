import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name
import mxnet as mx

mx.random.seed(0)
with mx.autograd.train_mode():
    y = mx.gluon.nn.Dropout(0.5)(mx.nd.ones(8))
kept = (y > 0).astype(int).asnumpy().tolist()
print(kept)
assert kept == [0, 0, 0, 0, 0, 0, 0, 0]
