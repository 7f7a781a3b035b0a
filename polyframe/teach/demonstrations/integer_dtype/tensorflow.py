import tensorflow as tf

dtype = tf.constant([1, 2]).dtype.name
print("the list [1, 2] becomes", dtype)
assert dtype == "int32"
