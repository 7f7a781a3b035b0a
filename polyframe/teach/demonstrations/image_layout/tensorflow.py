import keras
import tensorflow as tf

images = tf.zeros((1, 3, 8, 9))
shape = tuple(keras.layers.Conv2D(5, 3)(images).shape)
print("5 filters of 3 x 3 on an array (1, 3, 8, 9):", shape)
assert shape == (1, 1, 6, 5)
