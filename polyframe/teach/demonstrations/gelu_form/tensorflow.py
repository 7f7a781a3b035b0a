import keras

y = float(keras.ops.gelu(1.0))
print(y)  # by tanh
assert round(y, 5) == 0.84119
