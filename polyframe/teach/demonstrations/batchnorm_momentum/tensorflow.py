import numpy as np
from keras import layers

norm = layers.BatchNormalization(momentum=0.9)
norm(np.ones((4, 1)), training=True)
running_mean = float(norm.moving_mean[0])
print(running_mean)  # 0.9 * 0 + 0.1 * 1
assert round(running_mean, 3) == 0.1
