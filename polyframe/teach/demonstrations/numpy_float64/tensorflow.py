import numpy as np
import tensorflow as tf

dtype = tf.constant(np.zeros(2)).dtype.name
print("a NumPy array of float64 becomes", dtype)
assert dtype == "float64"
