import keras
import tensorflow as tf

images = tf.ones((2, 8, 8, 3))
shape = tuple(keras.layers.GlobalAveragePooling2D()(images).shape)
print("global average pooling of 2 images with 3 channels gives", shape)
assert shape == (2, 3)
