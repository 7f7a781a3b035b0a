import numpy as np

np.bool = np.bool_
import mxnet as mx

row = mx.nd.array([[[[0, 1], [0, 1]]]])
resized = mx.nd.contrib.BilinearResize2D(row, height=2, width=4)[0, 0, 0]
resized = [round(float(v), 3) for v in resized.asnumpy()]
print("0 and 1, resized to 4 numbers:", resized)
assert resized == [0, 0.333, 0.667, 1]
