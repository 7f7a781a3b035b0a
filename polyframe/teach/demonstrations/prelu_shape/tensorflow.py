from keras import layers

prelu = layers.PReLU()
prelu.build((None, 5, 5, 4))
shapes = [tuple(prelu.alpha.shape)]
print(shapes)
assert shapes == [(5, 5, 4)]
