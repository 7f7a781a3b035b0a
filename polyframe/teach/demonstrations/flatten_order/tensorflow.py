import numpy as np
from keras import layers

image = np.array([[[0.0, 1.0]], [[10.0, 11.0]]]).transpose(1, 2, 0)  # as Keras has it
flat = layers.Flatten()(image[None]).numpy()[0].tolist()
print(flat)
assert flat == [0, 10, 1, 11]
