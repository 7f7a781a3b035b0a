"""Resizing helpers that are copied into programs. Read, never imported."""

import torch


def nearest(x, sizes, steps):
    """The nearest neighbours; PyTorch's `nn.Upsample` rounds and misses some."""
    for axis, (size, step) in enumerate(zip(sizes, steps), 2):
        at = torch.arange(size, dtype=torch.float64, device=x.device) * step
        at = at.float().long().clamp(max=x.shape[axis] - 1)
        x = x.index_select(axis, at)
    return x


def bicubic(x, sizes, steps):
    """Cubic interpolation, a = -0.75; PyTorch's own has a wrong gradient at one size.

    `nn.Upsample` computes the same, but not its gradient, where it keeps the size.
    """

    def near(d):
        return (1.25 * d - 2.25) * d * d + 1

    def far(d):
        return ((-0.75 * d + 3.75) * d - 6) * d + 3

    for axis, (size, step) in enumerate(zip(sizes, steps), 2):
        i = torch.arange(size, dtype=torch.float64, device=x.device)
        at = (i + 0.5) * step - 0.5
        t = at - at.floor()
        taps = {-1: far(1 + t), 0: near(t), 1: near(1 - t), 2: far(2 - t)}
        y = 0.0
        for offset, weight in taps.items():
            index = (at.floor().long() + offset).clamp(0, x.shape[axis] - 1)
            weight = weight.to(x.dtype).view(-1, *[1] * (3 - axis))
            y = y + x.index_select(axis, index) * weight
        x = y
    return x
