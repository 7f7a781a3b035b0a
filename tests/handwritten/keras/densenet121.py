"""densenet121 (Huang et al. 2017), in the style of keras.applications.

After ``keras/src/applications/densenet.py``, whose functions these are; ``width``
scales the growth rate and the stem.
"""

import keras
from keras import layers


def scaled(channels, width):
    return max(1, int(channels * width + 0.5))


def norm_relu(x):
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    return layers.Activation("relu")(x)


def conv_block(x, growth_rate):
    x1 = norm_relu(x)
    x1 = layers.Conv2D(4 * growth_rate, 1, use_bias=False)(x1)
    x1 = norm_relu(x1)
    x1 = layers.Conv2D(growth_rate, 3, padding="same", use_bias=False)(x1)
    return layers.Concatenate()([x, x1])


def transition_block(x):
    x = norm_relu(x)
    x = layers.Conv2D(max(1, x.shape[-1] // 2), 1, use_bias=False)(x)
    return layers.AveragePooling2D(2)(x)


def make(num_classes, input_shape, width):
    channels, rows, columns = input_shape
    inputs = keras.Input(shape=(rows, columns, channels))
    x = layers.ZeroPadding2D(3)(inputs)
    x = layers.Conv2D(scaled(64, width), 7, strides=2, use_bias=False)(x)
    x = norm_relu(x)
    x = layers.ZeroPadding2D(1)(x)
    x = layers.MaxPooling2D(3, strides=2)(x)
    for number, blocks in enumerate((6, 12, 24, 16)):
        if number > 0:
            x = transition_block(x)
        for _ in range(blocks):
            x = conv_block(x, scaled(32, width))
    x = norm_relu(x)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(num_classes)(x)
    return keras.Model(inputs, outputs, name="densenet121")
