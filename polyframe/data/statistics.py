"""The numbers of a data set at a glance."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from polyframe.data.dataset import Array, Dataset, pieces
from polyframe.data.rows import as_floats


class Statistics(NamedTuple):
    """Of all numbers of an array."""

    least: float
    largest: float
    mean: float
    deviation: float  # the standard deviation


def statistics(array: Array) -> Statistics:
    """The numbers of an array as batches hold them (bytes as x / 255), piece by piece,
    so that a memory map is never read as a whole."""
    low, high, first, second = math.inf, -math.inf, 0.0, 0.0
    start = float(as_floats(array[:1]).flat[0])  # sums of what is apart from it
    for _, piece in pieces(array):
        values = as_floats(piece)
        low, high = min(low, float(values.min())), max(high, float(values.max()))
        apart = values.astype(np.float64) - start
        first += float(apart.sum())
        second += float(np.vdot(apart, apart))
    mean = first / array.size
    deviation = math.sqrt(max(second / array.size - mean**2, 0))
    return Statistics(low, high, start + mean, deviation)


def class_counts(dataset: Dataset) -> Array:
    """How often each class is in the training data: (K,)."""
    size = dataset.num_classes or 0
    counts: Array = np.bincount(dataset.train[1], minlength=size)
    return counts
