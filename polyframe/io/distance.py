"""How far apart two arrays are: the measure of everything that polyframe compares."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def distance(a: ArrayLike, b: ArrayLike) -> float:
    """max|a-b| / max|b|; 0 for equal arrays, infinite where shapes differ or a value is
    not finite."""
    scale = np.abs(np.asarray(b, np.float64)).max(initial=0)
    return scaled_distance(a, b, float(scale))


def scaled_distance(a: ArrayLike, b: ArrayLike, scale: float) -> float:
    """max|a-b| over a scale; 0 for equal arrays, infinite where shapes differ or a value
    is not finite. Arrays are never broadcast: a wrong shape is an error."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    largest = float(np.abs(a - b).max(initial=0))
    if largest == 0:
        return 0.0
    return largest / scale if scale else float("inf")
