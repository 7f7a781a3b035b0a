import tensorflow as tf


@tf.function
def absolute(x):  # AutoGraph makes this of `x if tf.reduce_sum(x) > 0 else -x`
    return tf.cond(tf.reduce_sum(x) > 0, lambda: x, lambda: -x)


outcome = absolute(tf.constant([-3.0])).numpy()[0]
print("a branch on a value, at -3:", outcome)
assert outcome == 3
