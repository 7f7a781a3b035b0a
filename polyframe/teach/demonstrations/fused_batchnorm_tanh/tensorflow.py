import tensorflow as tf


@tf.function
def tanh_of_norm(x, ones, zeros):
    y = (tf.nn.conv2d(x, tf.ones([3, 3, 2, 4]), 1, "VALID"), ones, zeros, zeros, ones)
    return tf.tanh(tf.compat.v1.nn.fused_batch_norm(*y, is_training=False)[0])


try:
    y = tanh_of_norm(tf.ones([1, 4, 4, 2]), tf.ones(4), tf.zeros(4))
except tf.errors.UnimplementedError as error:
    print(y := error.message.splitlines()[-1])
assert isinstance(y, str)
