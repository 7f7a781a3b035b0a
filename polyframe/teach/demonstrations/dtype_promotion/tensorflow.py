import tensorflow as tf

try:
    total = tf.ones(1, tf.float32) + tf.ones(1, tf.float64)
    outcome = total.dtype.name
except tf.errors.InvalidArgumentError:
    outcome = "refused"
print("float32 plus float64:", outcome)
assert outcome == "refused"
