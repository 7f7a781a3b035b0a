import keras

variable = keras.Variable(0.0)
keras.optimizers.Adam(1.0, epsilon=1.0).apply([keras.ops.ones(())], [variable])
w = float(variable)
print(w)  # sqrt(0.001) / 0.1 * 0.1 / (sqrt(0.001) + 1)
assert round(w, 3) == -0.031
