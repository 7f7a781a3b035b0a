import numpy as np

np.bool = np.bool_  # the name that MXNet 1.9.1 asks for at its import
import mxnet as mx

x, slope = (mx.nd.array([value], dtype="float64") for value in (-1, 0.1))
prelu = mx.nd.LeakyReLU(x, slope, act_type="prelu").asscalar() / -0.1
elu = mx.nd.LeakyReLU(x, act_type="elu", slope=0.1).asscalar() / (0.1 * np.expm1(-1))
gelu = mx.nd.LeakyReLU(-x, act_type="gelu").asscalar() / 0.8413447460685429
errors = [abs(ratio - 1) for ratio in (prelu, elu, gelu)]
print("relative errors of prelu, elu and gelu in float64:")
print(" ".join(f"{error:.0e}" for error in errors))
assert min(errors) > 1e-10
