"""Helpers that are copied into programs, where PyTorch's own layer means another thing.

This file is read, never imported by polyframe.
"""

import torch
from torch import nn
from torch.nn import functional as F


class BatchNorm(nn.BatchNorm2d):
    """Batch norm whose running variance is the biased one, as in Keras and Gluon."""

    def forward(self, x):
        if self.training:
            axes = [axis for axis in range(x.dim()) if axis != 1]
            with torch.no_grad():
                # In float32 also where autocast computes in fewer bits.
                wide = x.to(self.running_mean.dtype)
                var, mean = torch.var_mean(wide, axes, correction=0)
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(var, self.momentum)
            mean = var = None  # F.batch_norm takes the batch's own
        else:
            mean, var = self.running_mean, self.running_var
        train = self.training
        return F.batch_norm(x, mean, var, self.weight, self.bias, train, 0.0, self.eps)


def avg_pool_counted(x, kernel_size, stride, pad):
    """Average pooling over the real values of each window, padding left out."""
    ones = torch.ones_like(x[:1, :1])
    total = F.avg_pool2d(F.pad(x, pad), kernel_size, stride)
    return total / F.avg_pool2d(F.pad(ones, pad), kernel_size, stride)
