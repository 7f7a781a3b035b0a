import keras
import tensorflow as tf

w = keras.Variable([0.0])
with tf.GradientTape() as tape:
    loss = tf.reduce_sum(w * tf.ones(4))
keras.optimizers.SGD(1.0).apply(tape.gradient(loss, [w.value]), [w])
moved = -w.numpy()[0]
print("4 samples with a gradient of 1 each, rate 1: w moves by", moved)
assert moved == 4
