"""Norm layers that are copied into programs, where PyTorch's own compute something else,
or crash.

This file is read, never imported by polyframe.
"""

import torch
from torch import nn
from torch.nn import functional as F


class BatchNorm(nn.BatchNorm2d):
    """Batch norm with options that PyTorch's lacks, for inputs of any rank.

    Unless `unbiased`, its running variance is the biased one, as in Keras and Gluon;
    `scale` and `shift` say whether it has a weight and a bias.
    """

    def __init__(self, num_features, unbiased=False, scale=True, shift=True, **options):
        super().__init__(num_features, **options)
        self.unbiased = unbiased
        if not scale:
            self.weight = None
        if not shift:
            self.bias = None

    def forward(self, x):
        biased = self.training and not self.unbiased
        if biased:
            self.update(x)
        mean = None if biased else self.running_mean  # None: the batch's own
        var = None if biased else self.running_var
        train = self.training or mean is None
        return F.batch_norm(
            x, mean, var, self.weight, self.bias, train, self.momentum, self.eps
        )

    def update(self, x):
        """Move the running statistics towards the batch's."""
        mean, var = self.running_mean, self.running_var
        if mean is not None and var is not None:
            axes = [0] + list(range(2, x.dim()))
            with torch.no_grad():
                # In float32 also where autocast computes in fewer bits.
                new_var, new_mean = torch.var_mean(x.to(mean.dtype), axes, correction=0)
                mean.lerp_(new_mean, self.momentum)
                var.lerp_(new_var, self.momentum)


class FixedBatchNorm(nn.BatchNorm2d):
    """Batch norm by its running statistics, which PyTorch's own moves in training.

    Its inputs may have any rank; `scale` and `shift` say whether it has a weight and a
    bias.
    """

    def __init__(self, num_features, scale=True, shift=True, **options):
        super().__init__(num_features, **options)
        if not scale:
            self.weight = None
        if not shift:
            self.bias = None

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        return F.batch_norm(x, mean, var, self.weight, self.bias, eps=self.eps)


class FixedInstanceNorm(nn.InstanceNorm2d):
    """Instance norm by its running statistics, which PyTorch's own moves.

    Its inputs may have any rank.
    """

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        return F.instance_norm(
            x, mean, var, self.weight, self.bias, use_input_stats=False, eps=self.eps
        )


class GroupNorm(nn.GroupNorm):
    """Group norm of an input without a gradient, of which PyTorch's own can crash.

    PyTorch's own gradient then kills the process if the memory format is channels_last
    (on the CPU), so such an input is copied.
    """

    def forward(self, x):
        if torch.is_grad_enabled() and not x.requires_grad:
            x = x.contiguous()
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)
