import tensorflow as tf

x, refused = tf.ones([1, 2, 2, 2, 1], tf.float64), []
for pool in (tf.nn.avg_pool3d, tf.nn.max_pool3d):
    try:
        pool(x, 2, 2, "VALID")
    except (tf.errors.NotFoundError, tf.errors.InvalidArgumentError) as error:
        print(error.message[:80])
        refused.append(pool.__name__)
assert refused == ["avg_pool3d", "max_pool3d"]
