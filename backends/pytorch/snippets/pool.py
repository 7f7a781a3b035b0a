"""Pooling helpers that are copied into programs. Read, never imported by polyframe."""

import torch
from torch.nn import functional as F


def avg_pool_counted(x, kernel_size, stride, pad):
    """Average pooling without the padding, where PyTorch's own counts some of it."""
    pool = {3: F.avg_pool1d, 4: F.avg_pool2d, 5: F.avg_pool3d}[x.dim()]
    ones = torch.ones_like(x[:1, :1])
    total = pool(F.pad(x, pad), kernel_size, stride)
    return total / pool(F.pad(ones, pad), kernel_size, stride)


def lp_pool2d(x, p, kernel_size, stride, ceil_mode=False):
    """The p-norm of each window; PyTorch's own takes no absolute values."""
    total = F.avg_pool2d(
        x.abs() ** p, kernel_size, stride, ceil_mode=ceil_mode, divisor_override=1
    )
    some = total > 0
    return torch.where(some, torch.where(some, total, 1) ** (1 / p), 0)
