import keras
import numpy as np

loss_fn = keras.losses.CategoricalFocalCrossentropy(1.0, gamma=0.0, from_logits=True)
loss = [float(loss_fn(np.array([[0, 1]]), np.array([[z, 0.0]]))) for z in (50.0, 100.0)]
print(loss)  # the cross-entropy, since gamma is 0, would be 50 and 100
assert [round(value) for value in loss] == [16, 16]
