import tensorflow as tf

errors = []
for pool in (tf.nn.max_pool3d, tf.nn.avg_pool3d):
    for dtype in ("float32", "float64"):
        try:
            pool(tf.ones((1, 4, 4, 4, 1), dtype), 2, 2, "VALID")
        except (tf.errors.InvalidArgumentError, tf.errors.NotFoundError) as error:
            errors.append(f"{pool.__name__} of {dtype}: {type(error).__name__}")
print(errors)
assert len(errors) == 2 and all("float64" in error for error in errors)
