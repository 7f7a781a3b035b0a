import tensorflow as tf

errors = {}
for dtype in ("float32", "float64"):
    x, kernel = tf.ones((1, 7, 7, 4), dtype), tf.Variable(tf.ones((3, 3, 2, 4), dtype))
    try:
        with tf.GradientTape() as tape:
            y = tf.nn.conv2d(x, kernel, 1, "VALID")
        tape.gradient(y, kernel)
        errors[dtype] = ""
    except tf.errors.InvalidArgumentError as error:
        errors[dtype] = error.message.partition("}} ")[2].partition(".")[0]
print(errors)
assert "not supported on CPU" in errors["float64"] and not errors["float32"]
