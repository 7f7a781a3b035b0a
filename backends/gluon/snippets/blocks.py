"""Blocks that are copied into programs, where Gluon's own compute something else.

This file is read, never imported by polyframe.
"""

from mxnet.gluon import nn


def sequential(*blocks):
    """A `HybridSequential` of these blocks, which Gluon's constructor does not take."""
    net = nn.HybridSequential()
    net.add(*blocks)
    return net


def pad(F, x, *sides, value=0):
    """Pad the spatial axes, (low, high) for each; MXNet's layers pad both alike."""
    width = (0, 0, 0, 0, *sides)
    if len(sides) > 2:
        return F.pad(x, mode="constant", constant_value=value, pad_width=width)
    # MXNet pads images and volumes only: a sequence is an image of one row.
    x = F.expand_dims(x, axis=2)
    return pad(F, x, 0, 0, *sides, value=value).squeeze(axis=2)
