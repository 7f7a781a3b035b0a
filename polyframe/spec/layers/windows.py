"""Sliding windows: the arithmetic that convolution and pooling share."""

from __future__ import annotations

from typing import Any

import numpy as np

from polyframe.errors import SpecError

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]


def resolve_padding(
    padding: Any, size: Pair, kernel: Pair, stride: Pair, dilation: Pair = (1, 1)
) -> Pads:
    """Explicit ((top, bottom), (left, right)) for one input size.

    ``"same"`` makes the output ⌈n/s⌉ long; the total
    ``max((⌈n/s⌉-1)·s + (k-1)·d + 1 - n, 0)`` is split with the odd one after, as in
    TensorFlow (``tensorflow/core/framework/kernel_shape_util.cc``) and, for stride 1,
    PyTorch.
    """
    if padding != "same":
        low, high = padding
        return (low[0], low[1]), (high[0], high[1])
    pads = []
    for n, k, s, d in zip(size, kernel, stride, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        pads.append((total // 2, total - total // 2))
    return pads[0], pads[1]


def output_size(
    size: Pair, kernel: Pair, stride: Pair, pads: Pads, dilation: Pair = (1, 1)
) -> Pair:
    """⌊(n + lo + hi - (k-1)·d - 1)/s⌋ + 1 for each dimension."""
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
    return out[0], out[1]


def windows(
    x: np.ndarray, kernel: Pair, stride: Pair, pads: Pads, dilation: Pair, fill: float
) -> np.ndarray:
    """Every window of ``x`` (N, C, H, W) as (N, C, H', W', kh, kw)."""
    x = np.pad(x, ((0, 0), (0, 0), *pads), constant_values=fill)
    height, width = ((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    slide: Any = np.lib.stride_tricks.sliding_window_view
    view: np.ndarray = slide(x, (height, width), axis=(2, 3))
    return view[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
