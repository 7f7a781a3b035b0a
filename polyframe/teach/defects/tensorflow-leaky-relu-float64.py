import tensorflow as tf

x = tf.constant([-1.0], tf.float64)
error = abs(float(tf.nn.leaky_relu(x, alpha=0.1)[0]) / -0.1 - 1)
print(f"relative error of leaky_relu(-1, 0.1) in float64: {error:.0e}")
assert error > 1e-10
