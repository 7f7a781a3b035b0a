import keras
import tensorflow as tf

layer = keras.layers.Dense(2)
y = layer(tf.ones((1, 3)))
with tf.GradientTape() as tape:
    loss = tf.reduce_sum(y)
recorded = tape.gradient(loss, layer.kernel.value) is not None
print("a plain call is recorded for gradients:", recorded)
assert not recorded
