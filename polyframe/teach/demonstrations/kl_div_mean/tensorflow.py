import keras
import numpy as np

outputs, targets = np.full((2, 4), 0.25), np.array([[1.0, 0, 0, 0]] * 2)
loss = float(keras.losses.KLDivergence()(targets, outputs))
print(loss)  # log 4, of each of two samples
assert round(loss, 3) == 1.386
