"""Helpers for convolutions that are copied into programs.

This file is read, never imported by polyframe.
"""


def pad_wrap(F, x, *sides):
    """Pad the spatial axes with the values at their other ends, which MXNet cannot."""
    for axis, (low, high) in enumerate(zip(sides[::2], sides[1::2]), 2):
        parts = [F.slice_axis(x, axis=axis, begin=-low, end=None)] if low else []
        parts.append(x)
        parts += [F.slice_axis(x, axis=axis, begin=0, end=high)] if high else []
        x = F.concat(*parts, dim=axis)
    return x
