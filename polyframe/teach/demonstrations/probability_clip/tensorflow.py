import keras

loss = float(keras.losses.BinaryCrossentropy()([[1.0]], [[0.0]]))
print(f"the loss of the probability 0 for a label of 1: {loss:.2f}")
assert abs(loss - 16.12) < 0.01
