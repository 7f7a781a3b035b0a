import keras
import numpy as np

loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
try:
    loss = float(loss_fn(np.array([2], "float32"), np.zeros((1, 3))))
    outcome = f"taken, with a loss of {loss:.2f}"
except (TypeError, ValueError):
    outcome = "refused"
print("a class index given as float32 is", outcome)
assert outcome == "taken, with a loss of 1.10"
