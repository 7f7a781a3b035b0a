"""The checks of targets, and their errors."""

from __future__ import annotations

import numpy as np

from polyframe.errors import DataError
from polyframe.io.array import Array
from polyframe.spec.layers.base import Shape


def finite(array: Array, where: str) -> Array:
    """The array itself; DataError names the first sample with NaN or infinity."""
    # If everything is finite, so is the sum (or it overflows, and the mask below finds
    # nothing); a sum is far cheaper than a mask.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(array.sum()):
            return array
    bad = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
    if bad.any():
        raise DataError(f"sample {bad.argmax()} holds NaN or infinity", where=where)
    return array


def sample_of(mask: Array) -> int:
    """The first sample for which something in the mask is true."""
    return int(mask.reshape(len(mask), -1).any(axis=1).argmax())


def with_channel(target: Array, shape: Shape) -> Array:
    """Targets with the axis of their one channel, where an output of that shape per
    sample has one and they leave it out: (N,) as (N, 1), masks (N, H, W) as
    (N, 1, H, W). NumPy would spread (N,) over (N, 1) to (N, N)."""
    if shape[:1] == (1,) and target.shape[1:] == shape[1:]:
        return target[:, None]
    return target


def values(target: Array, shape: Shape, dtype: str) -> Array:
    """Finite numbers of the output's shape; see ``with_channel``."""
    target = with_channel(target, shape)
    if target.shape[1:] != shape:
        last = len(shape) > 1 and target.shape[1:] == (*shape[1:], shape[0])
        raise DataError(
            f"is {target.shape}; {sized(shape)} is needed",
            where="y",
            hint='layout="NHWC" says that channels come last' if last else None,
        )
    return finite(np.ascontiguousarray(target, dtype), "y")


def shares(
    target: Array, shape: Shape, dtype: str, what: str, hint: str | None = None
) -> Array:
    """Numbers from 0 to 1 of the output's shape."""
    array = values(target, shape, dtype)
    if array.size and not 0 <= array.min() <= array.max() <= 1:
        low, high = array.min(), array.max()
        worst = low if -low > high - 1 else high
        raise DataError(
            f"sample {sample_of(array == worst)} has {worst:g}; {what} takes numbers "
            "from 0 to 1",
            where="y",
            hint=hint,
        )
    return array


def probabilities(target: Array, shape: Shape, dtype: str) -> Array:
    """Numbers of the output's shape, none negative."""
    array = values(target, shape, dtype)
    if (array < 0).any():
        sample = sample_of(array < 0)
        raise DataError(f"sample {sample} has a negative probability", where="y")
    return array


def signs(target: Array, shape: Shape, dtype: str, what: str) -> Array:
    """-1 or 1, of the output's shape."""
    array = values(target, shape, dtype)
    wrong = np.abs(array) != 1
    if wrong.any():
        sample = sample_of(wrong)
        value = array[sample][wrong[sample]].flat[0]
        raise DataError(
            f"sample {sample} has {value:g}; {what} takes -1 and 1",
            where="y",
            hint="2 * y - 1 makes them from 0 and 1",
        )
    return array


def labels(target: Array, shape: Shape, what: str, ignored: int | None = None) -> Array:
    """Integer labels (N,), or one for each pixel, as int64; ``ignored`` is allowed, too."""
    if target.dtype.kind not in "iu" or target.shape[1:] != shape[1:]:
        raise DataError(
            f"is {target.dtype} {target.shape}; {what} takes integer labels "
            f"{sized(shape[1:])}",
            where="y",
        )
    classes = shape[0]
    wrong = (target < 0) | (target >= classes)
    if ignored is not None:
        wrong &= target != ignored
    if wrong.any():
        low, high = int(target[wrong].min()), int(target[wrong].max())
        worst = low if -low > high - classes + 1 else high
        spared = "" if ignored is None else f" and not the ignore_index {ignored}"
        raise DataError(
            f"label {worst} at sample {sample_of(wrong & (target == worst))} is outside "
            f"0..{classes - 1}{spared}",
            where="y",
            hint="as many outputs as classes are needed",
        )
    return np.ascontiguousarray(target, np.int64)


def sized(shape: Shape) -> str:
    """``(N, 3, 8, 8)``, or ``(N,)``."""
    return f"(N, {', '.join(map(str, shape))})" if shape else "(N,)"
