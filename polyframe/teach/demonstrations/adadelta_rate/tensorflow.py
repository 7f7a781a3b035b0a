import keras

w = keras.Variable(1.0)
keras.optimizers.Adadelta(0.0).apply([keras.ops.ones(())], [w])
print(moved := 1 - float(w))
assert moved == 0
