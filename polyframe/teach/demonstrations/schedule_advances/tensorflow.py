import keras
import tensorflow as tf

w = keras.Variable([0.0])
halving = keras.optimizers.schedules.ExponentialDecay(1.0, 1, 0.5)
optimizer = keras.optimizers.SGD(halving)
for _ in range(3):
    optimizer.apply([tf.ones(1)], [w])
rate = float(optimizer.learning_rate)
print("a rate of 1, to be halved by a schedule, after 3 steps:", rate)
assert rate < 1
