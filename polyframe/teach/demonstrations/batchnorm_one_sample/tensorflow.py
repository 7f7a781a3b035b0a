import keras
import numpy as np

norm = keras.layers.BatchNormalization()
try:
    outcome = norm(np.array([[3.0]]), training=True).numpy().item()
except ValueError:
    outcome = "refused"
print("a batch norm in training, of a single number:", outcome)
assert outcome == 0
