"""simple_cnn, in the style of Keras's tutorials.

After "Simple MNIST convnet" (keras.io/examples/vision/mnist_convnet): activations are
arguments of their layers, pooling follows, and there is one hidden dense layer.
"""

import keras
from keras import layers


def scaled(channels, width):
    return max(1, int(channels * width + 0.5))


def make(num_classes, input_shape, width):
    channels, rows, columns = input_shape
    inputs = keras.Input(shape=(rows, columns, channels))
    x = layers.Conv2D(scaled(32, width), 3, activation="relu")(inputs)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(scaled(64, width), 3, activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(scaled(128, width), activation="relu")(x)
    outputs = layers.Dense(num_classes)(x)
    return keras.Model(inputs, outputs, name="simple_cnn")
