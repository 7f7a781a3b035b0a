import numpy as np

np.bool = np.bool_  # the name that MXNet 1.9.1 asks for at its import
import mxnet as mx

gradients = {}
for how in ("write", "add"):
    weight = mx.nd.ones(1)
    weight.attach_grad(how)
    with mx.autograd.record():
        y = mx.nd.amp_cast(mx.nd.amp_cast(weight, dtype="bfloat16"), dtype="float32")
    y.backward()
    gradients[how] = float(weight.grad.asscalar())
print(f"gradient of a weight, written and added to 0: {gradients}")
assert gradients == {"write": 1.0, "add": 0.0}
