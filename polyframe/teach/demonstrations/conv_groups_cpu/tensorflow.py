import tensorflow as tf

x, kernel = tf.ones([1, 4, 4, 4], tf.float64), tf.ones([3, 3, 2, 4], tf.float64)
message = ""
try:
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        tape.gradient(tf.nn.conv2d(x, kernel, 1, "VALID"), kernel)  # 2 groups
except tf.errors.InvalidArgumentError as error:
    print(message := error.message)
assert "Gradients for grouped convolutions are not supported on CPU" in message
