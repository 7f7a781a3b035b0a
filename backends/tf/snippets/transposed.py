"""Transposed convolution, which is copied into programs.

This file is read, never imported by polyframe.
"""

import tensorflow as tf
from tensorflow.keras import layers


def spread(kernel, rates):
    """A kernel with zeros between its values: TensorFlow's op takes no dilation."""
    for axis, rate in enumerate(rates):
        taps = tf.unstack(kernel, axis=axis)
        wide = [tf.zeros_like(taps[0])] * ((len(taps) - 1) * rate + 1)
        wide[::rate] = taps
        kernel = tf.stack(wide, axis=axis)
    return kernel


class ConvTranspose(layers.Layer):
    """Transposed convolution as in PyTorch; Keras's own pads in another way.

    `padding` is cut off the full output, `output_padding` is added at its end; those
    of Keras's layers mean other things. The kernel's axes are (height, width,
    outputs / groups, inputs).
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding=0,
        output_padding=0,
        groups=1,
        use_bias=True,
        dilation_rate=1,
        **options,
    ):
        super().__init__(**options)
        self.filters, self.groups, self.use_bias = filters, groups, use_bias
        self.sizes = kernel_size, strides, padding, output_padding, dilation_rate

    def build(self, shape):
        rank = len(shape) - 2
        sizes = [(n,) * rank if isinstance(n, int) else n for n in self.sizes]
        size, self.strides, padding, extra, self.rates = sizes
        sides = [(p, p) if isinstance(p, int) else p for p in padding]
        self.cuts = [(a, max(b - e, 0)) for (a, b), e in zip(sides, extra)]
        self.extra = [(0, max(e - b, 0)) for (_, b), e in zip(sides, extra)]
        kernel = (*size, self.filters // self.groups, shape[-1])
        self.kernel = self.add_weight(name="kernel", shape=kernel)
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.filters,))

    def call(self, x):
        kernel = spread(self.kernel, self.rates)
        *size, outputs, _ = kernel.shape
        steps = zip(x.shape[1:-1], self.strides, size)
        full = [(n - 1) * stride + k for n, stride, k in steps]
        shape = [tf.shape(x)[0], *full, outputs]
        inputs = tf.split(x, self.groups, axis=-1)
        kernels = tf.split(kernel, self.groups, axis=-1)
        y = [
            tf.nn.conv_transpose(i, k, shape, self.strides, "VALID")
            for i, k in zip(inputs, kernels)
        ]
        y = tf.concat(y, axis=-1) if self.groups > 1 else y[0]
        ends = zip(full, self.cuts)
        y = y[(slice(None), *(slice(low, n - high) for n, (low, high) in ends))]
        if any(high for _, high in self.extra):
            y = tf.pad(y, [(0, 0), *self.extra, (0, 0)])
        return y + self.bias if self.use_bias else y
