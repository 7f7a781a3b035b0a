import numpy as np

np.bool = np.bool_
import mxnet as mx

batches = mx.io.NDArrayIter(mx.nd.arange(10), batch_size=4)
sizes = [len(batch.data[0]) for batch in batches]
print("10 samples in batches of 4:", sizes)
assert sizes == [4, 4, 4]
