import tensorflow as tf

w = tf.Variable([1.0, 2.0])
with tf.GradientTape() as tape:
    y = w * w
gradient = tape.gradient(y, w).numpy().tolist()
print("gradient of the vector [w1 * w1, w2 * w2] at [1, 2]:", gradient)
assert gradient == [2, 4]
