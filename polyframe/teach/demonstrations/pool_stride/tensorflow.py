import keras
import tensorflow as tf

size = keras.ops.max_pool(tf.zeros((1, 6, 6, 1)), 2).shape[1]
print("windows of 2 on 6 pixels, no stride given:", size, "windows")
assert size == 3
