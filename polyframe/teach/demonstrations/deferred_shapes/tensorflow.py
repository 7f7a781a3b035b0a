import keras

layer = keras.layers.Dense(2)
shape = tuple(layer.weights)
print("before the first batch, the weights are", shape)
assert shape == ()
