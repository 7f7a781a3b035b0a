import numpy as np
from keras import layers

x = np.array([[300.0, 300.1]], dtype="float32")
y = layers.GroupNormalization(1, epsilon=1e-5)(x).numpy()
numpys = (x - x.mean()) / np.sqrt(x.var() + np.float32(1e-5))
exact = (x - x.mean(dtype=float)) / np.sqrt(x.var(dtype=float) + 1e-5)
error, numpys_error = abs(y - exact).max(), abs(numpys - exact).max()
print(error, numpys_error)
assert error > 100 * numpys_error
