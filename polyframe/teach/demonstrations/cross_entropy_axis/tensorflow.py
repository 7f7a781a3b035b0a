import keras
import numpy as np

x = np.zeros((1, 4, 4, 4), "float32")
x[:, 0] = 9  # the first of 4 classes, at each of 4 x 4 pixels
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
loss = float(loss_fn(np.zeros((1, 4, 4)), x))
print(f"4 classes on axis 1 of (1, 4, 4, 4), the right one at 9: loss {loss:.3f}")
assert abs(loss - 1.386) < 0.001
