"""Transposed convolution that is copied into programs, where MXNet's own is wrong.

This file is read, never imported by polyframe.
"""

from mxnet import gluon


class ConvTranspose(gluon.HybridBlock):
    """A transposed convolution by one of a spread input; MXNet's own is wrong at times.

    MXNet's own has neither float64 nor dilation for volumes, and is wrong in float64
    with both strides and dilation.
    """

    def __init__(
        self,
        channels,
        kernel_size,
        strides,
        padding,
        output_padding,
        dilation,
        groups,
        use_bias,
        in_channels,
    ):
        super().__init__()
        self.steps, self.cuts, self.extra = strides, padding, output_padding
        self.rates, self.groups = dilation, groups
        self.weight_shape = (in_channels, channels // groups, *kernel_size)
        with self.name_scope():
            self.weight = self.params.get("weight", shape=self.weight_shape)
            self.bias = self.params.get("bias", shape=channels) if use_bias else None

    def hybrid_forward(self, F, x, weight, bias=None):
        inputs, outputs, *size = self.weight_shape
        group = (self.groups, inputs // self.groups, outputs, *size)
        weight = weight.reshape(group).swapaxes(1, 2)
        weight = weight.reshape((self.groups * outputs, -1, *size))
        weight = F.reverse(weight, axis=tuple(range(2, len(size) + 2)))
        x = self.spread(F, x)
        y = F.Convolution(
            *([x, weight] if bias is None else [x, weight, bias]),
            kernel=size,
            pad=[(k - 1) * rate for k, rate in zip(size, self.rates)],
            dilate=self.rates,
            num_filter=self.groups * outputs,
            num_group=self.groups,
            no_bias=bias is None,
        )
        front, ends = (None, None), (-n or None for n in self.cuts)
        return F.slice(y, begin=(*front, *self.cuts), end=(*front, *ends))

    def spread(self, F, x):
        """Put zeros between the values of each axis, and after the last."""
        for axis, (step, extra) in enumerate(zip(self.steps, self.extra), 2):
            zeros = F.zeros_like(x).expand_dims(axis + 1)
            parts = [x.expand_dims(axis + 1), *[zeros] * (step - 1)]
            x = F.concat(*parts, dim=axis + 1).reshape((*[0] * axis, -3, -2))
            if extra >= step:
                zeros = F.zeros_like(F.slice_axis(x, axis=axis, begin=0, end=1))
                x = F.concat(x, *[zeros] * (extra - step + 1), dim=axis)
            end = min(extra - step + 1, 0) or None
            x = F.slice_axis(x, axis=axis, begin=0, end=end)
        return x
