import numpy as np
from keras import layers

conv = layers.Conv1DTranspose(1, 3, 2, padding="same", output_padding=1, use_bias=False)
conv.build((None, 2, 1))
conv.set_weights([np.array([[[1.0]], [[2.0]], [[3.0]]])])
y, larger = conv(np.ones((1, 2, 1))).numpy().ravel().tolist(), []
print(y)  # two numbers are cut off at the end: PyTorch cuts one off at either end
assert y == [1.0, 2.0, 4.0, 2.0]
