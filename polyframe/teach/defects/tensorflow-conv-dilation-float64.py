import tensorflow as tf

errors = {}
for dtype in ("float32", "float64"):
    x, kernel = tf.ones((1, 7, 7, 2), dtype), tf.Variable(tf.ones((3, 3, 2, 2), dtype))
    try:
        with tf.GradientTape() as tape:
            y = tf.nn.conv2d(x, kernel, 1, "VALID", dilations=2)
        tape.gradient(y, kernel)
        errors[dtype] = ""
    except tf.errors.InvalidArgumentError as error:
        errors[dtype] = error.message.partition("}} ")[2].partition(" [Op")[0]
print(errors)
assert "do not yet support dilation" in errors["float64"] and not errors["float32"]
