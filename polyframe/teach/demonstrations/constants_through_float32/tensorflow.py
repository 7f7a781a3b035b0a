import tensorflow as tf

error = abs(float(tf.cast(0.2, tf.float64)) - 0.2)
print(error, float(tf.constant(0.2, tf.float64)) - 0.2)
assert 1e-10 < error < 1e-8
