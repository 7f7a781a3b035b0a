"""cifar_resnet20 (He et al. 2016, section 4.2), in the style of keras.applications.

The blocks are functions of tensors, as in ``keras/src/applications/resnet.py``. Its
shortcuts are projections; those of this network are option A of the paper: every other
pixel, and zeros for the channels that are new.
"""

import keras
from keras import layers, ops


def scaled(channels, width):
    return max(1, int(channels * width + 0.5))


def conv_bn(x, filters, stride=1):
    if stride == 2:
        # As in keras.applications: "same" would pad on the right and below only.
        x = layers.ZeroPadding2D(1)(x)
    padding = "same" if stride == 1 else "valid"
    x = layers.Conv2D(filters, 3, strides=stride, padding=padding, use_bias=False)(x)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)


def shortcut(x, filters):
    new = filters - x.shape[-1]
    before = new // 2
    return ops.pad(x[:, ::2, ::2, :], ((0, 0), (0, 0), (0, 0), (before, new - before)))


def residual_block(x, filters, stride=1):
    y = conv_bn(x, filters, stride)
    y = layers.ReLU()(y)
    y = conv_bn(y, filters)
    if stride == 2:
        x = shortcut(x, filters)
    x = layers.Add()([x, y])
    return layers.ReLU()(x)


def make(num_classes, input_shape, width):
    channels, rows, columns = input_shape
    inputs = keras.Input(shape=(rows, columns, channels))
    x = conv_bn(inputs, scaled(16, width))
    x = layers.ReLU()(x)
    for stack, filters in enumerate((16, 32, 64)):
        for block in range(3):
            stride = 2 if stack > 0 and block == 0 else 1
            x = residual_block(x, scaled(filters, width), stride)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(num_classes)(x)
    return keras.Model(inputs, outputs, name="cifar_resnet20")
