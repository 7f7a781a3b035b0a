"""Layers that are copied into programs, where Gluon has none. Read, never imported."""

from mxnet.gluon import nn


class Scale(nn.HybridBlock):
    """A learnable factor, and maybe a shift, along one axis, which Gluon lacks."""

    def __init__(self, shape, bias=False):
        super().__init__()
        self.weight = self.params.get("weight", shape=shape, init="ones")
        if bias:
            self.bias = self.params.get("bias", shape=shape, init="zeros")

    def hybrid_forward(self, F, x, weight, bias=None):
        x = F.broadcast_mul(x, weight)
        return x if bias is None else F.broadcast_add(x, bias)


def chain(op, x, *others):
    """Join several inputs from left to right; MXNet's operator takes two at a time."""
    for y in others:
        x = op(x, y)
    return x


def average(F, x, *others):
    """The mean of several inputs, which MXNet has no operator for."""
    for y in others:
        x = F.broadcast_add(x, y)
    return x / (1 + len(others))


def concat_channels(F, *images):
    """Concatenate the channels without oneDNN, which fails ("could not construct a
    sub-memory") where one of its blocks of 16 channels would belong to two inputs."""
    images = [F.expand_dims(x, axis=4) for x in images]
    return F.squeeze(F.concat(*images, dim=1), axis=4)
