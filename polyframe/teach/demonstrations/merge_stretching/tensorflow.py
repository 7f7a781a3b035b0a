import numpy as np
from keras import layers

x = np.zeros((2, 2, 1, 1), dtype="float32")
y = np.array([1, 2], dtype="float32").reshape(2, 1, 1, 1)
added = layers.Add()([x, y]).numpy().ravel().tolist()
print(added, (x + y).ravel().tolist())  # by Keras, and by NumPy
assert added == [1, 2, 1, 2]
