"""Medians of turns, and ratios of paired turns with confidence intervals."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

CONFIDENCE = 0.95


class Spread(NamedTuple):
    """A median and the quartiles."""

    median: float
    low: float
    high: float


class Ratio(NamedTuple):
    """A median of ratios, and its 95 % confidence interval."""

    value: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """The median and the quartiles."""
    if len(values) < 2:
        return Spread(values[0], values[0], values[0])
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(middle, low, high)


def paired_ratio(slower: Sequence[float], faster: Sequence[float]) -> Ratio:
    """How many times as long the first takes as the second, turn by turn."""
    ratios = sorted(a / b for a, b in zip(slower, faster, strict=True))
    low, high = ranks(len(ratios))
    return Ratio(statistics.median(ratios), ratios[low], ratios[high])


def ranks(count: int) -> tuple[int, int]:
    """The indices of the two of ``count`` sorted values that enclose the median with 95 %
    confidence, whatever their distribution (Conover, Practical Nonparametric Statistics,
    section 3.2): the number of values below the median is binomial. The first and the
    last if there are too few."""
    below, rank = 0.0, 0
    for k in range(count // 2):
        below += math.comb(count, k) / 2**count
        if below > (1 - CONFIDENCE) / 2:
            break
        rank = k + 1
    rank = max(rank - 1, 0)
    return rank, count - 1 - rank


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean, for ratios."""
    return statistics.geometric_mean(values)
