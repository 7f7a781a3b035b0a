import keras
import tensorflow as tf

x = tf.Variable(0.0)
with tf.GradientTape() as tape:
    y = keras.ops.celu(x)
gradient = float(tape.gradient(y, x))
print(gradient)  # both branches give 1 at 0, and they are added
assert gradient == 2.0
