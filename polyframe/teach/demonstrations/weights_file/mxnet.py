import numpy as np

np.bool = np.bool_
import tempfile

import mxnet as mx

with tempfile.TemporaryDirectory() as folder:
    mx.nd.save(f"{folder}/net.params", {"weight": mx.nd.ones(2)})  # as save_parameters
    start = np.fromfile(f"{folder}/net.params", "uint8", 4).tobytes()
print("a file of weights begins with", start)
assert start == b"\x12\x01\x00\x00"
