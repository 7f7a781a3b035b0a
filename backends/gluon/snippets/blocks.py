"""Blocks that are copied into programs, where Gluon's own mean another thing.

This file is read, never imported by polyframe.
"""

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


def sequential(*blocks):
    """A container that runs blocks one after the other."""
    net = nn.HybridSequential()
    net.add(*blocks)
    return net


def pad(F, x, top, bottom, left, right, value=0):
    """Pad the height and width of images; MXNet's layers pad both sides alike."""
    width = (0, 0, 0, 0, top, bottom, left, right)
    return F.pad(x, mode="constant", constant_value=value, pad_width=width)


def avg_pool_counted(F, x, kernel, stride, top, bottom, left, right):
    """Average pooling over the real values of each window, padding left out."""

    def mean(x):
        x = pad(F, x, top, bottom, left, right)
        return F.Pooling(x, kernel=kernel, stride=stride, pool_type="avg")

    ones = F.ones_like(F.slice(x, begin=(0, 0), end=(1, 1)))
    return F.broadcast_div(mean(x), mean(ones))
