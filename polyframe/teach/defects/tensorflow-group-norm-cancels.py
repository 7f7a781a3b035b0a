import keras
import numpy as np

x = np.array([[1000.0, 1000.1]], "float32")
norm = keras.layers.GroupNormalization(groups=1, epsilon=1e-5)
y = keras.ops.convert_to_numpy(norm(x))


def by_definition(x):
    return (x - x.mean()) / np.sqrt(x.var() + x.dtype.type(1e-5))


exact = by_definition(x.astype("float64"))
errors = [abs(a - exact).max() for a in (y, by_definition(x))]
print(f"error of Keras: {errors[0]:.0e}, of NumPy in float32: {errors[1]:.0e}")
assert errors[0] > 5 * errors[1]
