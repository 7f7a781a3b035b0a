import numpy as np
from keras import layers

norm = layers.BatchNormalization()
y = float(norm(np.array([[-0.01], [0.01]]), training=True)[1])
print(norm.epsilon, y)
assert round(y, 3) == 0.302
