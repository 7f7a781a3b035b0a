"""Norm blocks that are copied into programs, where Gluon's own compute something else.

This file is read, never imported by polyframe.
"""

from mxnet import gluon, nd
from mxnet.gluon import nn


class BatchNorm(nn.BatchNorm):
    """Batch norm with PyTorch's running statistics; Gluon's are of biased variances.

    MXNet's own update rounds its momentum to float32 and uses the biased variance.
    With momentum 0 the operator only stores the batch's statistics, during the backward
    pass; `Statistics` then updates the running ones exactly.
    """

    def __init__(self, positions=1, momentum=0.1, unbiased=True, **options):
        super().__init__(momentum=0.0, **options)
        self._kwargs["cudnn_off"] = True  # cuDNN would update in the forward pass
        self.positions = positions  # height * width, the values per image and channel
        self.momentum = momentum  # the weight of the new batch, as in PyTorch
        self.unbiased = unbiased

    def shares(self, batch_size):
        """The weights of a batch's mean and variance in the running ones."""
        count = batch_size * self.positions
        correction = count / (count - 1) if self.unbiased else 1
        return self.momentum, self.momentum * correction


class Statistics:
    """The running statistics of all norms at once; MXNet would be slow one by one.

    The parameters are views of it, so that three operations update them all: six for
    each norm would take longer than a small norm itself.
    """

    def __init__(self, net):
        self.norms = []
        net.apply(lambda b: self.norms.append(b) if isinstance(b, BatchNorm) else None)
        pairs = [(norm.running_mean, norm.running_var) for norm in self.norms]
        self.parameters = [parameter for pair in pairs for parameter in pair]
        arrays = [parameter.data() for parameter in self.parameters]
        self.values = nd.concat(*[array.reshape(-1) for array in arrays], dim=0)
        self.views, end = [], 0
        for parameter, array in zip(self.parameters, arrays):
            begin, end = end, end + array.size
            self.views.append(self.values[begin:end])
            parameter._data = [self.views[-1]]
        self.keep = self.spread([(1 - norm.momentum,) * 2 for norm in self.norms])
        self.share, self.batch_size = None, None

    @classmethod
    def of(cls, net):
        """Return those of a network, made again if its parameters have new arrays."""
        statistics = getattr(net, "statistics", None)
        if statistics is None or not statistics.held():
            statistics = net.statistics = cls(net)
        return statistics

    def held(self):
        """Whether the parameters still are views of the values."""
        return all(p.data() is v for p, v in zip(self.parameters, self.views))

    def spread(self, pairs):
        """An array of two numbers a norm: one for its means, one for its variances."""
        spread = [
            number
            for norm, pair in zip(self.norms, pairs)
            for number in pair
            for _ in range(norm.running_mean.shape[0])
        ]
        return nd.array(spread, ctx=self.values.context, dtype=self.values.dtype)

    def begin(self):
        """Save the running ones: call it before the forward pass."""
        self.old = self.values * self.keep

    def update(self, batch_size):
        """Update them with the batch's: call it after the backward pass."""
        if batch_size != self.batch_size:
            self.share = self.spread([norm.shares(batch_size) for norm in self.norms])
            self.batch_size = batch_size
        self.values *= self.share
        self.values += self.old


class Standardize(gluon.HybridBlock):
    """Mean 0 and deviation 1 over some axes; Gluon's own round epsilon to float32.

    gamma and beta have the given shape, 1 on the axes along which they are the same.
    Gluon's own layers take some of the axes only, and round epsilon to float32.
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
    """Group norm with a gamma for each channel; Gluon's own has one for each group.

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
    """Division by the root mean square over some axes, which Gluon lacks."""

    def standardize(self, F, x):
        """The values before gamma."""
        square = F.mean(F.square(x), axis=self.axes, keepdims=True)
        return F.broadcast_div(x, F.sqrt(square + self.epsilon))


def local_response_norm(F, x, before, after, alpha, beta, k):
    """Divide by a power of the neighbours' squares; MXNet's own is for float32 only.

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
