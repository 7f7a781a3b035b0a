"""Pooling to a given size, as helpers that are copied into programs.

This file is read, never imported by polyframe.
"""


def adaptive_max_pool2d(F, x, before, after):
    """Max pooling of images of the size `before` to another, which MXNet lacks.

    Columns are first, so that of equal values the first in row-major order wins.
    """
    for axis in (3, 2):
        n, size, parts = before[axis - 2], after[axis - 2], []
        for i in range(size):
            start, stop = i * n // size, -(-(i + 1) * n // size)
            part = F.slice_axis(x, axis=axis, begin=start, end=stop)
            kernel = (1, stop - start) if axis == 3 else (stop - start, 1)
            parts.append(F.Pooling(part, kernel=kernel, pool_type="max"))
        x = F.concat(*parts, dim=axis)
    return x
