import tensorflow as tf

x = tf.Variable(tf.ones([1, 2, 2, 1]))
with tf.GradientTape() as tape:
    y = tf.nn.max_pool2d(x, 2, 2, "VALID")
gradient = tape.gradient(y, x).numpy().ravel().tolist()
print(gradient)
assert gradient == [1.0, 0.0, 0.0, 0.0]
