import keras
import tensorflow as tf

dropout, x = keras.layers.Dropout(0.5), tf.ones(1000)
with tf.GradientTape() as tape:
    tape.watch(x)
    zeros = tf.math.count_nonzero(dropout(x) == 0).numpy()
print(f"with gradients recorded, Dropout(0.5) drops {zeros} of 1000")
assert zeros == 0
