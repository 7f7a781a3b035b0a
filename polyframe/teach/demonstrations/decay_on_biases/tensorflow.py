import keras
import tensorflow as tf

layer = keras.layers.Dense(1, bias_initializer="ones")
layer.build((1, 1))
optimizer = keras.optimizers.SGD(0.1, weight_decay=1.0)
optimizer.apply([tf.zeros((1, 1)), tf.zeros(1)], layer.trainable_variables)
bias = layer.bias.numpy()[0]
print(f"a bias of 1 after a step with gradient 0: {bias:.2f}")
assert abs(bias - 0.9) < 1e-6
