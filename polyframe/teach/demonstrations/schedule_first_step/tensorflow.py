import keras

optimizer = keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(1.0, 4))
rate = float(optimizer.learning_rate)
print(f"the rate of the first of 4 steps on a cosine from 1 to 0: {rate:.3f}")
assert rate == 1
