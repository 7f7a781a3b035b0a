import tensorflow as tf

excess = float(tf.nn.softplus(tf.constant(25.0, tf.float64))) - 25
print(excess)  # exp(-25) is 1.4e-11
assert excess > 0
