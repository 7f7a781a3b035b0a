import keras
import numpy as np

loss = float(keras.losses.MeanSquaredError()(np.array([[0.0]]), np.array([[2.0]])))
print(loss)
assert loss == 4.0
