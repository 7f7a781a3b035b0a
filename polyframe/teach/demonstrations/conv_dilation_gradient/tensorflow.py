import tensorflow as tf

x, kernel = tf.ones([1, 9, 1], tf.float64), tf.ones([3, 1, 1], tf.float64)
message = ""
try:
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        tape.gradient(tf.nn.conv1d(x, kernel, 1, "VALID", dilations=2), kernel)
except tf.errors.InvalidArgumentError as error:
    print(message := error.message)
assert "do not yet support dilation" in message
