import keras

optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())
scale = optimizer.initial_scale
print("the loss is first multiplied by", scale)
assert scale == 2**15
