from keras import layers

conv = layers.Conv2D(8, kernel_size=(5, 7))
conv.build((None, 32, 32, 3))
shape = tuple(conv.kernel.shape)
print(shape)  # (height, width, in, out)
assert shape == (5, 7, 3, 8)
