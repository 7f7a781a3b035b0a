import tensorflow as tf

nan = float("nan")
pooled = tf.nn.max_pool1d([[[1.0], [nan], [nan], [1.0]]], 2, 2, "VALID")
pooled = pooled.numpy().ravel().tolist()
print("the maxima of [1, nan] and [nan, 1]:", pooled)
assert str(pooled) == "[1.0, 1.0]"
