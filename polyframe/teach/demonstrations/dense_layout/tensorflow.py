from keras import layers

dense = layers.Dense(2)
dense.build((None, 3))
shape = tuple(dense.kernel.shape)
print(shape)  # (in, out)
assert shape == (3, 2)
