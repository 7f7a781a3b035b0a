"""Layers for bfloat16 on the CPU. Read, never imported."""

import tensorflow as tf
from tensorflow.keras import layers


class FloatBias:
    """A layer that adds its bias in float32; Keras's own sums gradients in bfloat16.

    TensorFlow's CPU kernel sums the gradient of a bfloat16 bias in bfloat16, where
    terms after the first few hundred are rounded away.
    """

    def add_weight(self, *args, name=None, **options):
        if name == "bias":
            options["autocast"] = False
        return super().add_weight(*args, name=name, **options)

    def call(self, x):
        return tf.cast(super().call(x), self.compute_dtype)


class Conv1D(FloatBias, layers.Conv1D):
    """Keras's Conv1D, with `FloatBias`."""


class Conv2D(FloatBias, layers.Conv2D):
    """Keras's Conv2D, with `FloatBias`."""


class Conv3D(FloatBias, layers.Conv3D):
    """Keras's Conv3D, with `FloatBias`."""


class DepthwiseConv1D(FloatBias, layers.DepthwiseConv1D):
    """Keras's DepthwiseConv1D, with `FloatBias`."""


class DepthwiseConv2D(FloatBias, layers.DepthwiseConv2D):
    """Keras's DepthwiseConv2D, with `FloatBias`."""


class Dense(FloatBias, layers.Dense):
    """Keras's Dense, with `FloatBias`."""
