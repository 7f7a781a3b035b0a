from keras import layers

norm = layers.GroupNormalization(2)
norm.build((None, 8, 8, 4))
shape = tuple(norm.gamma.shape)
print(shape)
assert shape == (4,)
