import numpy as np

np.bool = np.bool_
import mxnet as mx

x, masks = mx.nd.ones(50), []
for _ in range(2):
    mx.random.seed(0)
    masks.append(mx.nd.Dropout(x, p=0.5, mode="always").asnumpy().tolist())
repeated = masks[0] == masks[1]
print("the global seed set again repeats the mask of dropout:", repeated)
assert repeated
