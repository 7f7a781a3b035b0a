"""mobilenet_v2 (Sandler et al. 2018), in the style of keras.applications.

After ``keras/src/applications/mobilenet_v2.py``, with the paddings and the dropout of
torchvision's network, which is the one that is measured.
"""

import keras
from keras import layers

ROWS = (  # expansion, filters, blocks, stride of the first
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def make_divisible(v, divisor=8):
    new_v = max(divisor, int(v + divisor / 2) // divisor * divisor)
    return new_v if new_v >= 0.9 * v else new_v + divisor


def norm(x):
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)


def inverted_res_block(inputs, filters, stride, expansion):
    in_channels = inputs.shape[-1]
    x = inputs
    if expansion > 1:
        x = layers.Conv2D(expansion * in_channels, 1, use_bias=False)(x)
        x = norm(x)
        x = layers.ReLU(6.0)(x)
    if stride == 2:
        x = layers.ZeroPadding2D(1)(x)
    padding = "same" if stride == 1 else "valid"
    x = layers.DepthwiseConv2D(3, strides=stride, padding=padding, use_bias=False)(x)
    x = norm(x)
    x = layers.ReLU(6.0)(x)
    x = layers.Conv2D(filters, 1, use_bias=False)(x)
    x = norm(x)
    if stride == 1 and in_channels == filters:
        x = layers.Add()([inputs, x])
    return x


def make(num_classes, input_shape, width):
    channels, rows, columns = input_shape
    inputs = keras.Input(shape=(rows, columns, channels))
    x = layers.ZeroPadding2D(1)(inputs)
    x = layers.Conv2D(make_divisible(32 * width), 3, strides=2, use_bias=False)(x)
    x = norm(x)
    x = layers.ReLU(6.0)(x)
    for expansion, filters, blocks, first in ROWS:
        for block in range(blocks):
            stride = first if block == 0 else 1
            x = inverted_res_block(
                x, make_divisible(filters * width), stride, expansion
            )
    last = make_divisible(1280 * max(1.0, width))
    x = layers.Conv2D(last, 1, use_bias=False)(x)
    x = norm(x)
    x = layers.ReLU(6.0)(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.2)(x)
    outputs = layers.Dense(num_classes)(x)
    return keras.Model(inputs, outputs, name="mobilenet_v2")
