import keras

y = float(keras.activations.hard_sigmoid(keras.ops.array(1.0)))
print(y)  # (1 + 3) / 6
assert round(y, 3) == 0.667
