import keras

norm = keras.layers.BatchNormalization()
norm.build((None, 8, 8, 3))
count = norm.count_params()
print("the parameters of a batch norm of 3 channels:", count)
assert count == 12
