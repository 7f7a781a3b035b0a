"""Pooling to a given size, as helpers that are copied into programs.

This file is read, never imported by polyframe.
"""

import tensorflow as tf


def global_max_pool(x, keepdims=False):
    """Global max pooling; of equal values TensorFlow's own shares the gradient."""
    sizes, channels = x.shape[1:-1], x.shape[-1]
    flat = tf.reshape(x, [-1, sizes.num_elements(), 1, channels])
    flat = tf.nn.max_pool2d(flat, flat.shape[1:3], 1, "VALID")
    return tf.reshape(flat, [-1, *[1] * (sizes.rank if keepdims else 0), channels])


def adaptive_avg_pool2d(x, height, width):
    """Average pooling to a size, by matrices; Keras's own is for even windows."""

    def means(n, size):
        """(size, n): window i goes from floor(i n / size) to ceil((i + 1) n / size)."""
        i, position = tf.range(size)[:, None], tf.range(n)
        start, stop = i * n // size, -(-(i + 1) * n // size)
        inside = (position >= start) & (position < stop)
        return tf.cast(inside, x.dtype) / tf.cast(stop - start, x.dtype)

    rows, columns = means(x.shape[1], height), means(x.shape[2], width)
    return tf.einsum("jw,niwc->nijc", columns, tf.einsum("ih,nhwc->niwc", rows, x))


def adaptive_max_pool2d(x, height, width):
    """Max pooling to a size, axis by axis; Keras's own is for even windows.

    Columns are first, so that of equal values the first in row-major order wins.
    """
    for axis, size in ((2, width), (1, height)):
        n, parts = x.shape[axis], []
        for i in range(size):
            part = slice(i * n // size, -(-(i + 1) * n // size))
            part = x[:, :, part] if axis == 2 else x[:, part]
            ksize = (1, part.shape[2]) if axis == 2 else (part.shape[1], 1)
            parts.append(tf.nn.max_pool2d(part, ksize, 1, "VALID"))
        x = tf.concat(parts, axis)
    return x
