import numpy as np

np.bool = np.bool_  # the name that MXNet 1.9.1 asks for at its import
import mxnet as mx

weight, gradient = (mx.nd.ones(1, dtype="float64") for _ in range(2))
optimizer = mx.optimizer.Adam()
state = optimizer.create_state(0, weight)
optimizer.update(0, weight, gradient, state)
error = abs(state[1].asscalar() / (1 - 0.999) - 1)
print(f"relative error of the mean square of a float64 gradient: {error:.0e}")
assert error > 1e-6
