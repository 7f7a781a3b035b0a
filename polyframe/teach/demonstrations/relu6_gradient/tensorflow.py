import tensorflow as tf

x = tf.Variable([-1.0, 0.0, 1.0, 6.0, 7.0])
with tf.GradientTape() as tape:
    y = tf.nn.relu6(x)
gradient = tape.gradient(y, x).numpy().tolist()
print("the gradients at -1, 0, 1, 6 and 7:", gradient)
assert gradient == [0, 0, 1, 0, 0]
