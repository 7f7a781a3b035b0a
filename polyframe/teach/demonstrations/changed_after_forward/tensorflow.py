import tensorflow as tf

w = tf.Variable(3.0)
with tf.GradientTape() as tape:
    y = w * w
w.assign(5)
gradient = tape.gradient(y, w).numpy()
print("the gradient of w * w at 3, with w set to 5 before the backward pass:", gradient)
assert gradient == 6
