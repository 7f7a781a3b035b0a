import keras
import numpy as np

x = np.zeros((2, 2, 3, 4), "float32")
y = np.array([1, 2], "float32").reshape(2, 1, 1, 1)
added = keras.ops.convert_to_numpy(keras.ops.add(x, y))
print(f"keras.ops.add: {added[:, :, 0, 0].tolist()}")
print(f"NumPy:         {(x + y)[:, :, 0, 0].tolist()}")
assert added[:, :, 0, 0].tolist() == [[1, 2], [1, 2]]
