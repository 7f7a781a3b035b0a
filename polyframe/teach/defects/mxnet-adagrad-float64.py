import numpy as np

np.bool = np.bool_  # the name that MXNet 1.9.1 asks for at its import
import mxnet as mx

weight, gradient = (mx.nd.ones(1, dtype="float64") for _ in range(2))
errors = []
for optimizer in (
    mx.optimizer.AdaGrad(),
    mx.optimizer.RMSProp(),
    mx.optimizer.AdaDelta(),
):
    try:
        optimizer.update(0, weight, gradient, optimizer.create_state(0, weight))
        weight.wait_to_read()
    except mx.MXNetError as raised:
        message = str(raised).splitlines()[-1].partition("input: ")[2]
        errors.append(f"{type(optimizer).__name__}: {message}")
print(errors)
assert len(errors) == 3
