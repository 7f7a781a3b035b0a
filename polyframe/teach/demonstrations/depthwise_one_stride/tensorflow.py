import tensorflow as tf

x, kernel = tf.ones([1, 4, 4, 1], tf.float64), tf.ones([1, 1, 1, 1], tf.float64)
message = ""
try:
    tf.nn.depthwise_conv2d(x, kernel, strides=[1, 1, 2, 1], padding="VALID")
except tf.errors.InvalidArgumentError as error:
    print(message := error.message)
assert "only supports equal length strides" in message
