import tensorflow as tf

w = tf.Variable(3.0)
with tf.GradientTape(persistent=True) as tape:  # else the second pass raises an error
    y = w * w
for _ in range(2):
    gradient = tape.gradient(y, w).numpy()
print("the gradient of w * w at 3 after two passes:", gradient)
assert gradient == 6
