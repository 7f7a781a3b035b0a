import tensorflow as tf

rows = None
try:
    rows = tf.gather(tf.ones(3), [7])
    place = f"nowhere: {rows.numpy()}"
except tf.errors.InvalidArgumentError:
    place = "in the call" if rows is None else "on reading"
print("row 7 of 3 is an error", place)
assert place == "in the call"
