import keras
import numpy as np
import tensorflow as tf

layer, x = keras.layers.Dense(1), tf.constant(np.ones((1, 2)))
try:
    outcome = layer(x).dtype.name
except tf.errors.OpError:
    outcome = "refused"
print("float64 numbers in a layer with float32 weights:", outcome)
assert outcome == "float32"
