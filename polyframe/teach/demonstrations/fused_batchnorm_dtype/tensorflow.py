import tensorflow as tf

x = tf.constant([-1.0, 1.0], shape=(1, 2, 1, 1))
options = {"scale": [1.0], "offset": [0.0], "mean": [], "variance": []}
variance = float(tf.raw_ops.FusedBatchNormV3(x=x, **options)[2])
try:
    tf.raw_ops.FusedBatchNormV3(x=tf.cast(x, tf.float64), **options)
except tf.errors.InvalidArgumentError as error:
    print(variance, refused := error.message)
assert variance == 2.0 and "double is not in the list" in refused
