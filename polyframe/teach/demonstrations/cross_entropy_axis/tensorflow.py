import keras
import numpy as np

x = np.zeros((1, 2, 4, 4), "float32")
x[:, 0] = 9  # the first of 2 classes, everywhere
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
loss = float(loss_fn(np.zeros((1, 2, 4)), x))
print(f"2 classes on axis 1 of (1, 2, 4, 4), the right one at 9: loss {loss:.4f}")
assert abs(loss - 1.3863) < 1e-4
