import tensorflow as tf

five = tf.nn.max_pool1d(tf.ones([1, 5, 1]), 2, 2, "VALID")
three = tf.nn.max_pool1d(
    tf.pad(tf.ones([1, 3, 1]), [[0, 0], [1, 1], [0, 0]]), 2, 2, "VALID"
)
sizes = (five.shape[1], three.shape[1])
print(sizes)  # both round down
assert sizes == (2, 2)
