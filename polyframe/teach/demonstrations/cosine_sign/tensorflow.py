import keras
import numpy as np

a = np.ones((1, 3))
loss = float(keras.losses.CosineSimilarity()(a, a))
print(loss)
assert round(loss, 3) == -1.0
