import tensorflow as tf

place = "in the call"
try:
    rows, place = tf.gather(tf.ones(3), [7]), "on reading"
    rows.numpy()
except tf.errors.InvalidArgumentError:
    print("the error shows", place)
assert place == "in the call"
