import keras
import numpy as np

keras.utils.set_random_seed(0)
y = keras.layers.Dropout(0.5)(np.ones(8), training=True)
kept = [int(value > 0) for value in y]
print(kept)
assert kept == [1, 0, 1, 0, 0, 0, 0, 1]
