"""Sliding windows: the arithmetic that convolution and pooling share.

Everything here takes one number, or one (before, after), for each spatial axis: length;
height and width; or depth, height and width.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from polyframe.errors import SpecError
from polyframe.io.array import Array

Sizes = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]


def resolve_padding(
    padding: str | Pads, size: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes
) -> Pads:
    """Explicit ((before, after), …) for one input size.

    ``"same"`` makes the output ⌈n/s⌉ long; the total
    ``max((⌈n/s⌉-1)·s + (k-1)·d + 1 - n, 0)`` is split with the odd one after, as in
    TensorFlow (``tensorflow/core/framework/kernel_shape_util.cc``) and, for stride 1,
    PyTorch.
    """
    if not isinstance(padding, str):
        return padding
    pads = []
    for n, k, s, d in zip(size, kernel, stride, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        pads.append((total // 2, total - total // 2))
    return tuple(pads)


def output_size(
    size: Sizes, kernel: Sizes, stride: Sizes, pads: Pads, dilation: Sizes
) -> Sizes:
    """⌊(n + lo + hi - (k-1)·d - 1)/s⌋ + 1 for each axis."""
    out = []
    for n, k, s, (lo, hi), d in zip(size, kernel, stride, pads, dilation, strict=True):
        reach, padded = (k - 1) * d + 1, n + lo + hi
        if reach > padded:
            raise SpecError(
                f"its kernel reaches over {reach} positions, but the padded input "
                f"has {padded} (input {n}, padding {lo} + {hi})",
                hint="a smaller kernel or dilation, or more padding",
            )
        out.append((padded - reach) // s + 1)
    return tuple(out)


def windows(
    x: Array,
    kernel: Sizes,
    stride: Sizes,
    pads: Pads,
    dilation: Sizes,
    fill: float,
) -> Array:
    """Every window of ``x`` (N, C, …): its position after C, its values at the end.

    An image's are (N, C, H', W', kh, kw).
    """
    x = np.pad(x, ((0, 0), (0, 0), *pads), constant_values=fill)
    axes = tuple(range(2, x.ndim))
    reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    view = sliding_window_view(x, reach, axes)  # type: ignore[call-overload]
    steps = (slice(None, None, n) for n in (*stride, *dilation))
    out: Array = view[(slice(None), slice(None), *steps)]
    return out
