import keras
import numpy as np

loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
loss = float(loss_fn(np.array([-1, -1]), np.zeros((2, 2))))
print(loss)
assert loss == 0
