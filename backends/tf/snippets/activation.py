"""Activations that are copied into programs, where Keras's own compute something else.

This file is read, never imported by polyframe.
"""

import tensorflow as tf
from tensorflow.keras import layers


class PReLU(layers.Layer):
    """PReLU whose gradient at 0 is the slope, as in PyTorch; Keras's own is 0.

    One slope for all, or one for each channel.
    """

    def __init__(self, slopes=1, **options):
        super().__init__(**options)
        self.slopes = slopes

    def build(self, shape):
        self.alpha = self.add_weight((self.slopes,), "zeros", name="alpha")

    def call(self, x):
        return tf.where(x > 0, x, self.alpha * x)


def celu(x, alpha):
    """CELU; at 0 Keras's own has a gradient of 2."""
    return tf.where(x > 0, x, alpha * tf.math.expm1(tf.minimum(x, 0) / alpha))


def gelu(x):
    """x * P(x) in float64; TensorFlow's own takes the root of 2 in float32."""
    return 0.5 * x * (1 + tf.math.erf(x * 0.7071067811865476))


def gelu_tanh(x):
    """The approximation by tanh; TensorFlow's own has its constants in float32."""
    inner = 0.7978845608028654 * (x + 0.044715 * x * x * x)
    return 0.5 * x * (1 + tf.tanh(inner))


def hard_tanh(x, low, high):
    """Clip to low and high; the gradient at either end is 0, TensorFlow's own has 1."""
    low, high = tf.constant(low, x.dtype), tf.constant(high, x.dtype)
    return tf.minimum(high, tf.maximum(low, x))


def selu(x):
    """SELU whose gradient at 0 is that from below, as in PyTorch; Keras's is not."""
    below = 1.6732632423543772 * tf.math.expm1(tf.minimum(x, 0))
    return 1.0507009873554805 * tf.where(x > 0, x, below)


def softplus(x, beta=1.0, threshold=float("inf")):
    """Softplus with beta and a threshold, which TensorFlow's own has not."""
    z = beta * x
    return tf.where(z > threshold, x, tf.nn.softplus(z) / beta)
