import numpy as np

np.bool = np.bool_  # the name that MXNet 1.9.1 asks for at its import
import mxnet as mx

conv = mx.gluon.nn.Conv1D(16, 3, in_channels=16)
conv.initialize()
conv(mx.nd.ones((1, 16, 8))).wait_to_read()
error = ""
try:
    conv.weight.set_data(mx.nd.ones((16, 16, 3)))
    conv.weight.data().wait_to_read()
except mx.MXNetError as raised:
    error = str(raised).splitlines()[-1]
print(error)
assert "IsDefaultData" in error
