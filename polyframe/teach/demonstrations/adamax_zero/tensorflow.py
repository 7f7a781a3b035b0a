import keras

w = keras.Variable(1.0)
keras.optimizers.Adamax().apply([keras.ops.zeros(())], [w])
print(value := float(w))
assert value == 1.0
