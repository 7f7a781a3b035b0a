import keras
import numpy as np

loss_fn = keras.losses.SparseCategoricalCrossentropy()
loss = float(loss_fn(np.array([0]), np.array([[2.0, 0.5]])))
print(f"the loss of the outputs 2 and 0.5 for the first class: {loss:.4f}")
assert abs(loss - 0.4055) < 1e-4
