import keras
import numpy as np

loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
weights = np.array([1.0, 3.0])  # as `fit(class_weight={0: 1, 1: 3})` makes them
loss = float(loss_fn(np.array([0, 1]), np.zeros((2, 2)), sample_weight=weights))
print(loss)  # (1 log 2 + 3 log 2) / 2
assert round(loss, 3) == 1.386
