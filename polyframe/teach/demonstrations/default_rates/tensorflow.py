import keras

rate = round(float(keras.optimizers.SGD().learning_rate), 6)
print("the default learning rate of SGD:", rate)
assert rate == 0.01
