"""Pooling helpers that are copied into programs. Read, never imported by polyframe."""

import tensorflow as tf


def avg_pool3d(x, ksize, strides, padding):
    """Average pooling of volumes in any dtype, which TensorFlow's own does not take."""
    (depth, *area), (step, *steps) = ksize, strides
    _, d, h, w, c = x.shape
    x = tf.nn.avg_pool2d(tf.reshape(x, [-1, h, w, c]), area, steps, padding)
    _, h, w, _ = x.shape
    x = tf.reshape(x, [-1, d, h * w, c])
    x = tf.nn.avg_pool2d(x, (depth, 1), (step, 1), padding)
    return tf.reshape(x, [-1, x.shape[1], h, w, c])


def avg_pool_counted(x, ksize, strides, paddings, pool=tf.nn.avg_pool):
    """Average pooling without some of the padding; TensorFlow's own never counts it."""
    ones = tf.ones_like(x[:1, ..., :1])
    total = pool(tf.pad(x, paddings), ksize, strides, "VALID")
    return total / pool(tf.pad(ones, paddings), ksize, strides, "VALID")


def avg_pool_divided(x, ksize, strides, divisor, pool=tf.nn.avg_pool):
    """The sum of each window, divided by a number; TensorFlow's own takes none."""
    count = tf.TensorShape(ksize).num_elements()
    return pool(x, ksize, strides, "VALID") * (count / divisor)


def max_pool(x, ksize, strides, dilations):
    """Max pooling axis by axis; TensorFlow's has no dilation, and no float64 in 3-D.

    The last axis is first, so that of equal values the first in row-major order wins.
    """
    for axis in reversed(range(len(ksize))):
        stop = x.shape[axis + 1] - (ksize[axis] - 1) * dilations[axis]
        front, best = (slice(None),) * (axis + 1), None
        for offset in range(0, ksize[axis] * dilations[axis], dilations[axis]):
            value = x[(*front, slice(offset, offset + stop, strides[axis]))]
            best = value if best is None else tf.where(value > best, value, best)
        x = best
    return x


def lp_pool2d(x, p, ksize, strides):
    """The p-norm of each window, which TensorFlow lacks."""
    mean = tf.nn.avg_pool2d(tf.abs(x) ** p, ksize, strides, "VALID")
    total = mean * (ksize[0] * ksize[1])
    some = total > 0
    return tf.where(some, tf.where(some, total, 1) ** (1 / p), 0)
