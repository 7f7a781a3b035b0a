import keras
import numpy as np

loss_fn = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2)
loss = float(loss_fn(np.array([[0, 0, 0, 1]]), np.array([[0.0, 0.0, 0.0, 2.0]])))
print(loss)  # of targets 0.05, 0.05, 0.05, 0.85
assert round(loss, 3) == 0.641
