import tensorflow as tf

x = tf.constant(3.0)
with tf.GradientTape() as tape:
    y = x * x
outcome = tape.gradient(y, x)
print("the gradient for an input that nobody asked for:", outcome)
assert outcome is None
