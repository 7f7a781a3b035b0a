"""Activations that are copied into programs, where PyTorch's own is rounded.

This file is read, never imported by polyframe.
"""

import torch
from torch.nn import functional as F


def celu(x, alpha):
    """CELU in float64; PyTorch's own has a gradient with alpha in float32."""
    return torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0) / alpha))


def hard_sigmoid(x):
    """The hard sigmoid in float64; PyTorch's own has a gradient in float32."""
    return F.relu6(x + 3) / 6
