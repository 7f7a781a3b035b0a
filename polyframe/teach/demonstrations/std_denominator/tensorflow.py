import tensorflow as tf

deviation = tf.math.reduce_std([1.0, 3.0]).numpy()
print(f"the standard deviation of 1 and 3: {deviation:.3f}")
assert abs(deviation - 1) < 0.001
