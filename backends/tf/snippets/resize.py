"""Resizing helpers that are copied into programs. Read, never imported."""

import tensorflow as tf


def interpolation(n, size, mode, step, align_corners):
    """The matrix (size, n) that resizes one axis; TensorFlow's own is in float32.

    Positions are the pixels' centres; beyond the border, its values are repeated. The
    cubic kernel has a = -0.75, as in PyTorch; `tf.image.resize` takes -0.5.
    """
    i = tf.range(size, dtype=tf.float64)
    at = (i + 0.5) * step - 0.5
    if mode == "nearest":
        at = tf.floor(tf.cast(tf.cast(i * step, tf.float32), tf.float64))
    elif align_corners:
        at = i * ((n - 1) / max(size - 1, 1))
    first = tf.floor(at)
    t = at - first
    taps = {0: 1 - t, 1: t}
    if mode == "bicubic":

        def near(d):
            return (1.25 * d - 2.25) * d * d + 1

        def far(d):
            return ((-0.75 * d + 3.75) * d - 6) * d + 3

        taps = {-1: far(1 + t), 0: near(t), 1: near(1 - t), 2: far(2 - t)}
    rows = tf.zeros((size, n), tf.float64)
    for offset, weight in taps.items():
        column = tf.clip_by_value(tf.cast(first, tf.int32) + offset, 0, n - 1)
        rows += weight[:, None] * tf.one_hot(column, n, dtype=tf.float64)
    return rows


def resize(x, sizes, mode, steps=None, align_corners=False):
    """Resizing by a matrix for each axis; TensorFlow's own is in float32.

    A step is the distance of two outputs in the input.
    """
    for size, step in zip(sizes, steps or [1.0] * len(sizes)):
        rows = interpolation(x.shape[1], size, mode, step, align_corners)
        x = tf.tensordot(x, tf.cast(rows, x.dtype), [[1], [1]])
    return tf.transpose(x, [0, *range(2, len(sizes) + 2), 1])


def channel_shuffle(x, groups):
    """Mix the channels of groups, which Keras has no layer for."""
    y = tf.reshape(x, [-1, *x.shape[1:-1], groups, x.shape[-1] // groups])
    return tf.reshape(tf.linalg.matrix_transpose(y), [-1, *x.shape[1:]])


def pixel_shuffle(x, factor):
    """Channels into pixels in PyTorch's order; `tf.nn.depth_to_space` has another."""
    height, width, channels = x.shape[1:]
    channels //= factor * factor
    x = tf.reshape(x, [-1, height, width, channels, factor, factor])
    x = tf.transpose(x, [0, 1, 4, 2, 5, 3])
    return tf.reshape(x, [-1, height * factor, width * factor, channels])


def pixel_unshuffle(x, factor):
    """Pixels into channels in PyTorch's order; `tf.nn.space_to_depth` has another."""
    height, width, channels = x.shape[1:]
    height, width = height // factor, width // factor
    x = tf.reshape(x, [-1, height, factor, width, factor, channels])
    x = tf.transpose(x, [0, 1, 3, 5, 2, 4])
    return tf.reshape(x, [-1, height, width, channels * factor * factor])
