"""Resizing helpers that are copied into programs. Read, never imported."""

import numpy as np
from mxnet import gluon, nd


def interpolation(n, size, mode, step, align_corners):
    """The matrix (size, n) that resizes one axis; MXNet's own rounds to float32.

    Positions are the pixels' centres; beyond the border, its values are repeated. The
    cubic kernel has a = -0.75, as in PyTorch.
    """
    i = np.arange(size)
    at = (i + 0.5) * step - 0.5
    if mode == "nearest":
        at = np.floor((i * step).astype("float32"))
    elif align_corners:
        at = i * ((n - 1) / max(size - 1, 1))
    first = np.floor(at).astype(int)
    t = at - first
    taps = {0: 1 - t, 1: t}
    if mode == "bicubic":

        def near(d):
            return (1.25 * d - 2.25) * d * d + 1

        def far(d):
            return ((-0.75 * d + 3.75) * d - 6) * d + 3

        taps = {-1: far(1 + t), 0: near(t), 1: near(1 - t), 2: far(2 - t)}
    rows = np.zeros((size, n))
    for offset, weight in taps.items():
        np.add.at(rows, (i, np.clip(first + offset, 0, n - 1)), weight)
    return rows


class Resize(gluon.HybridBlock):
    """Resizing by a matrix for each axis; MXNet's own has scales in float32.

    A step is the distance of two outputs in the input.
    """

    def __init__(self, sizes, new_sizes, mode, steps=None, align_corners=False):
        super().__init__()
        self.axes = len(sizes)
        steps = steps or [1.0] * self.axes
        for i, (n, size, step) in enumerate(zip(sizes, new_sizes, steps)):
            rows = interpolation(n, size, mode, step, align_corners)
            rows = nd.array(rows.T, dtype="float64")
            setattr(self, f"rows{i}", self.params.get_constant(f"rows{i}", rows))

    def hybrid_forward(self, F, x, **rows):
        order = (0, 1, *range(3, self.axes + 2), 2)  # each axis in turn is the last
        for i in range(self.axes):
            x = F.dot(F.transpose(x, axes=order), rows[f"rows{i}"])
        return x


def channel_shuffle(F, x, groups):
    """Mix the channels of groups, which MXNet has no operator for."""
    x = F.reshape(x, shape=(0, -4, groups, -1, -2))
    return F.reshape(F.swapaxes(x, 1, 2), shape=(0, -3, -2))


def pixel_shuffle(F, x, factor):
    """Channels into pixels in PyTorch's order; MXNet's `depth_to_space` has another."""
    x = F.reshape(x, shape=(0, -4, -1, factor * factor, 0, 0))
    x = F.reshape(x, shape=(0, 0, -4, factor, factor, 0, 0))
    x = F.transpose(x, axes=(0, 1, 4, 2, 5, 3))
    return F.reshape(x, shape=(0, 0, -3, -3))


def pixel_unshuffle(F, x, factor):
    """Pixels into channels in PyTorch's order; MXNet's `space_to_depth` has another."""
    x = F.reshape(x, shape=(0, 0, -4, -1, factor, 0))
    x = F.reshape(x, shape=(0, 0, 0, 0, -4, -1, factor))
    x = F.transpose(x, axes=(0, 1, 3, 5, 2, 4))
    return F.reshape(F.reshape(x, shape=(0, -3, -2)), shape=(0, -3, -2))
