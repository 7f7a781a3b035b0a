"""Pooling helpers that are copied into programs. Read, never imported by polyframe."""


def avg_pool_counted(F, x, kernel, stride, *sides):
    """Average pooling without the padding, where MXNet's own counts some of it."""

    def mean(x):
        x = pad(F, x, *sides)
        return F.Pooling(x, kernel=kernel, stride=stride, pool_type="avg")

    ones = F.ones_like(F.slice(x, begin=(0, 0), end=(1, 1)))
    return F.broadcast_div(mean(x), mean(ones))


def divided_pool(F, x, kernel, stride, divisor):
    """The sum of each window, divided by a number that MXNet's own does not take."""
    return F.Pooling(x, kernel=kernel, stride=stride, pool_type="sum") / divisor


def dilated_max_pool(F, x, size, kernel, stride, dilation):
    """Max pooling with dilation for inputs of that size, which MXNet lacks.

    The last axis is first, so that of equal values the first in row-major order wins.
    """
    for axis in reversed(range(len(size))):
        stop = size[axis] - (kernel[axis] - 1) * dilation[axis]
        front, best = (None,) * (axis + 2), None
        for offset in range(0, kernel[axis] * dilation[axis], dilation[axis]):
            value = F.slice(
                x,
                begin=(*front, offset),
                end=(*front, offset + stop),
                step=(*front, stride[axis]),
            )
            best = value if best is None else F.where(value > best, value, best)
        x = best
    return x


def lp_pool2d(F, x, p, kernel, stride):
    """The p-norm of each window; MXNet's own takes no absolute values."""
    total = F.Pooling(F.abs(x) ** p, kernel=kernel, stride=stride, pool_type="sum")
    some, zeros = total > 0, F.zeros_like(total)
    root = F.where(some, total, zeros + 1) ** (1 / p)
    return F.where(some, root, zeros)
