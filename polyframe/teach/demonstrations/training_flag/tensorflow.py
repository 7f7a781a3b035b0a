import keras
import tensorflow as tf

dropout = keras.layers.Dropout(0.5)
zeros = tf.math.count_nonzero(dropout(tf.ones(1000)) == 0).numpy()
print(f"a plain call of Dropout(0.5) drops {zeros} of 1000")
assert zeros == 0
