import keras

variable = keras.Variable(0.0)
optimizer = keras.optimizers.RMSprop(1.0, rho=0.0, epsilon=1.0)
optimizer.apply([keras.ops.ones(())], [variable])
w = float(variable)
print(w)  # 1 / sqrt(1 + 1)
assert round(w, 3) == -0.707
