import numpy as np
from keras import layers

y = float(layers.LeakyReLU()(np.array(-1.0)))
print(y)
assert round(y, 3) == -0.3
