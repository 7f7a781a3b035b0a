"""Layers that are copied into programs, where Keras's own mean another thing.

This file is read, never imported by polyframe.
"""

import tensorflow as tf
from tensorflow.keras import layers


class FusedBatchNorm(layers.BatchNormalization):
    """Batch normalisation in one fused kernel.

    Keras's own layer takes several kernels and stores the biased variance of a batch.
    The fused kernel stores the unbiased one, n / (n - 1), as PyTorch does.
    `momentum` is Keras's: the share of the old statistics that is kept.
    """

    def call(self, x, training=False):
        ones, zeros = tf.ones_like(self.moving_mean), tf.zeros_like(self.moving_mean)
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            x,
            self.gamma if self.scale else ones,
            self.beta if self.center else zeros,
            self.moving_mean,
            self.moving_variance,
            epsilon=self.epsilon,
            is_training=training,
            exponential_avg_factor=1 - self.momentum,
        )
        if training:
            self.moving_mean.assign(mean)
            self.moving_variance.assign(variance)
        return y


class BatchNorm(layers.BatchNormalization):
    """Batch normalisation, written out: the fused kernel is for float32 images.

    Keras's own layer stores the biased variance of a batch; this one stores the
    unbiased one, n / (n - 1), as PyTorch does.
    `momentum` is Keras's: the share of the old statistics that is kept.
    """

    def call(self, x, training=False):
        dtype, x = x.dtype, tf.cast(x, self.variable_dtype)
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            mean, variance = tf.nn.moments(x, axes=list(range(x.shape.rank - 1)))
            n = tf.cast(tf.size(x) // x.shape[-1], x.dtype)  # values per channel
            keep, take = self.momentum, 1 - self.momentum
            self.moving_mean.assign(keep * self.moving_mean + take * mean)
            self.moving_variance.assign(
                keep * self.moving_variance + take * variance * (n / (n - 1))
            )
        y = (x - mean) * tf.math.rsqrt(variance + self.epsilon)
        if self.scale:
            y *= self.gamma
        if self.center:
            y += self.beta
        return tf.cast(y, dtype)


class GroupedConv2D(layers.Conv2D):
    """Conv2D with groups, one convolution per group.

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


def avg_pool_counted(x, ksize, strides, paddings):
    """Average pooling over the real values of each window, padding left out."""
    ones = tf.ones_like(x[:1, :, :, :1])
    total = tf.nn.avg_pool2d(tf.pad(x, paddings), ksize, strides, "VALID")
    return total / tf.nn.avg_pool2d(tf.pad(ones, paddings), ksize, strides, "VALID")
