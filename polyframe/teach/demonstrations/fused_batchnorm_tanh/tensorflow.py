import tensorflow as tf


@tf.function
def tanh_of_norm(x, kernel, ones, zeros):
    norm = (tf.nn.conv2d(x, kernel, 1, "VALID"), ones, zeros, zeros, ones)
    return tf.tanh(tf.compat.v1.nn.fused_batch_norm(*norm, is_training=False)[0])


try:
    y = tanh_of_norm(
        tf.ones([1, 4, 4, 2]), tf.ones([3, 3, 2, 4]), tf.ones(4), tf.zeros(4)
    )
except tf.errors.UnimplementedError as error:
    print(y := error.message.splitlines()[-1])
assert isinstance(y, str)
