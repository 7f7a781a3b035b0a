import tensorflow as tf

a, b = tf.Variable(1.0), tf.Variable(1.0)
with tf.GradientTape() as tape:
    y = tf.maximum(a, b)
gradients = tuple(g.numpy() for g in tape.gradient(y, (a, b)))
print("gradients of the maximum of two equal numbers:", gradients)
assert gradients == (1, 0)
