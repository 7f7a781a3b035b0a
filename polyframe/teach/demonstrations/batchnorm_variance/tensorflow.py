import numpy as np
from keras import layers

norm = layers.BatchNormalization(momentum=0.0)  # keeps the last batch's
norm(np.array([[-1.0], [1.0]]), training=True)
running_variance = float(norm.moving_variance[0])
print(running_variance)  # divided by n
assert round(running_variance, 3) == 1.0
