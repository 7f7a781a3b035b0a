import keras
import numpy as np

x = np.array([0.0, 1.0]).reshape(1, 1, 2, 1)
layer = keras.layers.UpSampling2D((1, 3), interpolation="bilinear", dtype="float64")
y = keras.ops.convert_to_numpy(layer(x)).ravel()
error = abs(y[2] * 3 - 1)  # the third of six pixels lies at a third of the way
print(f"{y.dtype}, relative error of the third pixel: {error:.0e}")
assert y.dtype == "float64" and error > 1e-10
