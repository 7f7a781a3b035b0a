"""Norm layers that are copied into programs, where Keras's own compute something else.

This file is read, never imported by polyframe.
"""

import tensorflow as tf
from tensorflow.keras import layers


class FusedBatchNorm(layers.BatchNormalization):
    """Batch norm in one kernel; Keras's own is slower and keeps biased variances.

    Keras's own layer takes several kernels and stores the biased variance of a batch.
    The fused kernel stores the unbiased one, n / (n - 1), as PyTorch does.
    `momentum` is Keras's: the weight of the old statistics.
    """

    def call(self, x, training=False):
        ones, zeros = tf.ones_like(self.moving_mean), tf.zeros_like(self.moving_mean)
        gamma = self.gamma if self.scale else ones
        beta = self.beta if self.center else zeros
        if not training:
            # TensorFlow fuses a convolution, the kernel and a tanh into one it lacks.
            y = tf.cast(x, ones.dtype) - self.moving_mean
            y *= tf.math.rsqrt(self.moving_variance + self.epsilon) * gamma
            return tf.cast(y + beta, x.dtype)
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            x,
            gamma,
            beta,
            self.moving_mean,
            self.moving_variance,
            epsilon=self.epsilon,
            exponential_avg_factor=1 - self.momentum,
        )
        self.moving_mean.assign(mean)
        self.moving_variance.assign(variance)
        return y


class BatchNorm(layers.BatchNormalization):
    """Batch norm, written out for any dtype; Keras's own keeps biased variances.

    Keras's own layer stores the biased variance of a batch; this one stores the
    unbiased one, n / (n - 1), as PyTorch does.
    `momentum` is Keras's: the weight of the old statistics.
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


class BatchStatistics(layers.Layer):
    """Batch norm without running statistics, which Keras's own always has.

    Inference, too, takes the mean and the variance of the batch.
    """

    def __init__(self, epsilon=1e-5, center=True, scale=True):
        super().__init__()
        self.epsilon, self.center, self.scale = epsilon, center, scale

    def build(self, shape):
        channels = shape[-1:]
        if self.scale:
            self.gamma = self.add_weight(channels, "ones", name="gamma")
        if self.center:
            self.beta = self.add_weight(channels, "zeros", name="beta")

    def call(self, x):
        mean, variance = tf.nn.moments(x, axes=list(range(x.shape.rank - 1)))
        y = (x - mean) * tf.math.rsqrt(variance + self.epsilon)
        if self.scale:
            y *= self.gamma
        if self.center:
            y += self.beta
        return y


class InstanceNorm(layers.BatchNormalization):
    """Instance norm with running statistics, which Keras lacks.

    `momentum` is Keras's: the weight of the old statistics.
    """

    def call(self, x, training=False):
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            axes = list(range(1, x.shape.rank - 1))
            mean, variance = tf.nn.moments(x, axes, keepdims=True)
            n = tf.cast(tf.size(x[0, ..., 0]), x.dtype)  # values per channel
            keep, take = self.momentum, 1 - self.momentum
            axes = [0, *axes]  # the average over the samples
            new_mean = tf.reduce_mean(mean, axes)
            new_variance = tf.reduce_mean(variance, axes) * (n / (n - 1))
            self.moving_mean.assign(keep * self.moving_mean + take * new_mean)
            self.moving_variance.assign(
                keep * self.moving_variance + take * new_variance
            )
        y = (x - mean) * tf.math.rsqrt(variance + self.epsilon)
        if self.scale:
            y *= self.gamma
        if self.center:
            y += self.beta
        return y


class RMSNorm(layers.Layer):
    """Division by the root mean square; Keras's own is for the last axes only.

    Keras's own layer is for the last axes, and always has weights.
    """

    def __init__(self, axis, epsilon=1e-6, scale=True):
        super().__init__()
        self.axis, self.epsilon, self.scale = axis, epsilon, scale

    def build(self, shape):
        if self.scale:
            self.across = [n if i in self.axis else 1 for i, n in enumerate(shape)]
            sizes = [shape[axis] for axis in self.axis]
            self.gamma = self.add_weight(sizes, "ones", name="gamma")

    def call(self, x):
        square = tf.reduce_mean(tf.square(x), self.axis, keepdims=True)
        y = x * tf.math.rsqrt(square + self.epsilon)
        return y * tf.reshape(self.gamma, self.across) if self.scale else y


def local_response_norm(x, before, after, alpha, beta, k):
    """Divide by a power of the neighbours' squares; Keras has none for float64.

    TensorFlow's own is for float32 images and as many channels on both sides.
    """
    channels = x.shape[-1]
    near = tf.linalg.band_part(
        tf.ones((channels, channels), x.dtype),
        min(after, channels - 1),
        min(before, channels - 1),
    )
    mean = tf.tensordot(tf.square(x), near, 1) / (before + after + 1)
    return x * (k + alpha * mean) ** -beta
