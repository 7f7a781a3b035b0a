import tensorflow as tf

w = tf.Variable(1.0)
for _ in range(3):
    with tf.GradientTape() as tape:
        y = 2 * w
    gradient = tape.gradient(y, w).numpy()
print("after 3 backward passes, each with a gradient of 2:", gradient)
assert gradient == 2
