"""Norm blocks that are copied into programs, where Gluon's own mean another thing.

This file is read, never imported by polyframe.
"""

from mxnet import gluon
from mxnet.gluon import nn


class BatchNorm(nn.BatchNorm):
    """Batch normalisation whose running statistics follow PyTorch.

    MXNet's own update rounds its momentum to float32 and keeps the biased variance.
    With momentum 0 the operator just leaves the batch's statistics behind, during the
    backward pass; `update` then folds them into the running ones exactly.
    """

    def __init__(self, positions=1, momentum=0.1, unbiased=True, **options):
        super().__init__(momentum=0.0, **options)
        self._kwargs["cudnn_off"] = True  # cuDNN would update in the forward pass
        self.positions = positions  # height * width, the values per image and channel
        self.momentum = momentum  # the weight of the new batch, as in PyTorch
        self.unbiased = unbiased

    def begin(self):
        """Put the old running statistics aside: call it before the forward pass."""
        keep = 1 - self.momentum
        self.old_mean = self.running_mean.data() * keep
        self.old_var = self.running_var.data() * keep

    def update(self, batch_size):
        """Fold in the statistics of the batch: call it after the backward pass."""
        count = batch_size * self.positions
        correction = count / (count - 1) if self.unbiased else 1
        mean, var = self.running_mean.data(), self.running_var.data()
        mean *= self.momentum
        mean += self.old_mean
        var *= self.momentum * correction
        var += self.old_var


def batch_norms(net):
    """The batch norms of a network, whose statistics each step has to fold in."""
    found = []
    net.apply(lambda b: found.append(b) if isinstance(b, BatchNorm) else None)
    return found


class Standardize(gluon.HybridBlock):
    """Takes off the mean over some axes and divides by the standard deviation.

    gamma and beta have the given shape, 1 on the axes along which they are the same.
    Gluon's own layers know some of the axes only, and round epsilon to float32.
    """

    def __init__(self, axes, shape=None, epsilon=1e-5, scale=True, center=True):
        super().__init__()
        self.axes, self.epsilon = axes, epsilon
        if scale:
            self.gamma = self.params.get("gamma", shape=shape, init="ones")
        if center:
            self.beta = self.params.get("beta", shape=shape, init="zeros")

    def hybrid_forward(self, F, x, gamma=None, beta=None):
        y = self.standardize(F, x)
        y = y if gamma is None else F.broadcast_mul(y, gamma)
        return y if beta is None else F.broadcast_add(y, beta)

    def standardize(self, F, x):
        """The values before gamma and beta."""
        x = F.broadcast_sub(x, F.mean(x, axis=self.axes, keepdims=True))
        variance = F.mean(F.square(x), axis=self.axes, keepdims=True)
        return F.broadcast_div(x, F.sqrt(variance + self.epsilon))


class GroupNorm(Standardize):
    """Group normalisation; gamma and beta are one for each channel.

    Gluon's own layer has one for each group.
    """

    def __init__(self, num_groups, **options):
        super().__init__(2, **options)
        self.num_groups = num_groups

    def standardize(self, F, x):
        """The values before gamma and beta."""
        groups = F.reshape(x, shape=(0, self.num_groups, -1))
        return F.reshape_like(super().standardize(F, groups), x)


class RMSNorm(Standardize):
    """Division by the root mean square over some axes."""

    def standardize(self, F, x):
        """The values before gamma."""
        square = F.mean(F.square(x), axis=self.axes, keepdims=True)
        return F.broadcast_div(x, F.sqrt(square + self.epsilon))


def local_response_norm(F, x, before, after, alpha, beta, k):
    """Divide by a power of the squares of the neighbouring channels.

    MXNet's own is for float32 images and as many channels on both sides.
    """
    size = before + after + 1
    rows = F.expand_dims(F.reshape(F.square(x), shape=(0, 0, -1)), axis=1)
    sides = (0, 0, 0, 0, before, after, 0, 0)
    rows = F.pad(rows, mode="constant", constant_value=0, pad_width=sides)
    ends = [*range(1 - size, 0), None]
    parts = [
        F.slice_axis(rows, axis=2, begin=begin, end=end)
        for begin, end in enumerate(ends)
    ]
    mean = F.reshape_like(F.add_n(*parts), x) / size
    return x * (k + alpha * mean) ** -beta
