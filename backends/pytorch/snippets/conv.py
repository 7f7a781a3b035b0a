"""Convolutions that are copied into programs, where PyTorch's own are slower.

This file is read, never imported by polyframe.
"""

from torch import nn
from torch.nn import functional as F


class PointwiseConv2d(nn.Conv2d):
    """A 1x1 convolution as a matrix product, which is faster for small images."""

    def forward(self, x):
        y = F.linear(x.movedim(1, -1), self.weight.flatten(1), self.bias)
        return y.movedim(-1, 1)


class SinglePositionConv2d(nn.Conv2d):
    """A convolution of images of one position, faster than PyTorch's own.

    With a group for each channel it is a product, else a matrix product.
    """

    def forward(self, x):
        row, column = (p // d for p, d in zip(self.padding, self.dilation))
        weight = self.weight[:, :, row, column]  # (out_channels, in_channels / groups)
        x = x.flatten(1)
        if self.groups == 1:
            y = F.linear(x, weight, self.bias)
        else:
            y, bias = x * weight[:, 0], self.bias
            y = y if bias is None else y + bias
        return y[:, :, None, None]
