"""Layers that are copied into programs, where PyTorch has none. Read, never imported."""

import torch
from torch import nn


class Scale(nn.Module):
    """A learnable factor, and maybe a shift, along one axis, which PyTorch lacks.

    `trailing_axes` is the number of axes after it.
    """

    def __init__(self, size, trailing_axes=0, bias=False):
        super().__init__()
        self.across = (size, *[1] * trailing_axes)
        self.weight = nn.Parameter(torch.ones(size))
        self.bias = nn.Parameter(torch.zeros(size)) if bias else None

    def forward(self, x):
        x = x * self.weight.view(self.across)
        return x if self.bias is None else x + self.bias.view(self.across)


def maximum(*inputs):
    """The largest of inputs; PyTorch's own shares the gradient of equal ones."""
    return torch.stack(torch.broadcast_tensors(*inputs)).max(dim=0).values
