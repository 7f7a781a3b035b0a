"""Random layers that are copied into programs, where PyTorch has none.

This file is read, never imported by polyframe.
"""

import torch
from torch import nn
from torch.nn import functional as F


class DropPath(nn.Module):
    """Drop whole samples while training, with probability p, which PyTorch lacks."""

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        ones = x.new_ones([len(x)] + [1] * (x.dim() - 1))
        return x * F.dropout(ones, self.p, self.training)


class GaussianNoise(nn.Module):
    """Add normal noise while training, which PyTorch has no layer for."""

    def __init__(self, stddev):
        super().__init__()
        self.stddev = stddev

    def forward(self, x):
        return x + self.stddev * torch.randn_like(x) if self.training else x
