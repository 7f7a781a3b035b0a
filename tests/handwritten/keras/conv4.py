"""conv4 (the backbone of Vinyals et al. 2016), in the style of Keras's tutorials.

After "Few-Shot learning with Reptile" (keras.io/examples/vision/reptile), whose model
is four calls of such a ``conv_bn``.
"""

import keras
from keras import layers


def scaled(channels, width):
    return max(1, int(channels * width + 0.5))


def conv_bn(x, filters):
    x = layers.Conv2D(filters, 3, padding="same")(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    x = layers.ReLU()(x)
    return layers.MaxPooling2D(2)(x)


def make(num_classes, input_shape, width):
    channels, rows, columns = input_shape
    inputs = keras.Input(shape=(rows, columns, channels))
    x = inputs
    for _ in range(4):
        x = conv_bn(x, scaled(64, width))
    x = layers.Flatten()(x)
    outputs = layers.Dense(num_classes)(x)
    return keras.Model(inputs, outputs, name="conv4")
