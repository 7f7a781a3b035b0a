"""Layers for bfloat16 on the CPU. Read, never imported."""

import tensorflow as tf
from tensorflow.keras import layers


class FloatBias:
    """A layer that adds its bias in float32.

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
    """Conv1D whose bias is float32."""


class Conv2D(FloatBias, layers.Conv2D):
    """Conv2D whose bias is float32."""


class Conv3D(FloatBias, layers.Conv3D):
    """Conv3D whose bias is float32."""


class DepthwiseConv1D(FloatBias, layers.DepthwiseConv1D):
    """DepthwiseConv1D whose bias is float32."""


class DepthwiseConv2D(FloatBias, layers.DepthwiseConv2D):
    """DepthwiseConv2D whose bias is float32."""


class Dense(FloatBias, layers.Dense):
    """Dense whose bias is float32."""
