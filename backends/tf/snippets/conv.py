"""Convolutions that are copied into programs, where Keras's own compute something else.

This file is read, never imported by polyframe.
"""

import tensorflow as tf
from tensorflow.keras import layers


class Grouped:
    """One convolution a group; TensorFlow's own has no gradient on the CPU.

    TensorFlow's CPU kernel has no float64 gradient for groups, and Keras therefore
    compiles a grouped convolution with XLA. The kernel is Keras's, with its axes
    (height, width, inputs / groups, outputs).
    """

    def call(self, x):
        inputs = tf.split(x, self.groups, axis=-1)
        kernels = tf.split(self.kernel, self.groups, axis=-1)
        options = {
            "strides": self.strides,
            "padding": self.padding.upper(),
            "dilations": self.dilation_rate,
        }
        y = tf.concat(
            [tf.nn.convolution(i, k, **options) for i, k in zip(inputs, kernels)],
            axis=-1,
        )
        return y + self.bias if self.use_bias else y


class GroupedConv1D(Grouped, layers.Conv1D):
    """Keras's Conv1D, with `Grouped`."""


class GroupedConv2D(Grouped, layers.Conv2D):
    """Keras's Conv2D, with `Grouped`."""


class GroupedConv3D(Grouped, layers.Conv3D):
    """Keras's Conv3D, with `Grouped`."""


class PointwiseConv2D(layers.Conv2D):
    """A 1x1 convolution as a matrix product, which is faster for small images."""

    def call(self, x):
        _, height, width, channels = x.shape
        kernel = tf.reshape(self.kernel, [channels, self.filters])
        y = tf.matmul(tf.reshape(x, [-1, channels]), kernel)
        if self.use_bias:
            y = tf.nn.bias_add(y, self.bias)
        return tf.reshape(y, [-1, height, width, self.filters])


class SinglePositionConv2D(layers.Conv2D):
    """A convolution of images of one position, faster than Keras's own."""

    def __init__(self, *sizes, position, **options):
        # So that Keras knows the output's size, which is one position.
        super().__init__(*sizes, padding="same", **options)
        self.position = position

    def call(self, x):
        row, column = self.position
        y = tf.matmul(tf.reshape(x, [-1, x.shape[-1]]), self.kernel[row, column])
        if self.use_bias:
            y = tf.nn.bias_add(y, self.bias)
        return tf.reshape(y, [-1, 1, 1, self.filters])


class SinglePositionDepthwiseConv2D(layers.DepthwiseConv2D):
    """A depthwise convolution of images of one position, faster than Keras's own."""

    def __init__(self, *sizes, position, **options):
        # So that Keras knows the output's size, which is one position.
        super().__init__(*sizes, padding="same", **options)
        self.position = position

    def call(self, x):
        row, column = self.position
        y = x * self.kernel[row, column, :, 0]
        return tf.nn.bias_add(y, self.bias) if self.use_bias else y


def pad_wrap(x, paddings):
    """Pad each axis with the values at its other end; `tf.pad` has no mode for it."""
    for axis, (before, after) in enumerate(paddings):
        size = x.shape[axis]
        if before or after:
            indices = tf.range(-before, size + after) % size
            x = tf.gather(x, indices, axis=axis)
    return x
