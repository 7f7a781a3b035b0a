"""Statistics of a data set."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from polyframe.data.dataset import Dataset, pieces
from polyframe.data.rows import as_floats
from polyframe.io.array import Array


class Statistics(NamedTuple):
    """The statistics of all values of an array."""

    least: float
    largest: float
    mean: float
    deviation: float  # the standard deviation


def statistics(array: Array) -> Statistics:
    """The statistics of the values that batches have (bytes as x / 255), computed piece by
    piece, so that a memory map is never read as a whole."""
    low, high, total, total_of_squares = math.inf, -math.inf, 0.0, 0.0
    offset = float(
        as_floats(array[:1]).flat[0]
    )  # subtracted: sums of small numbers are exact
    for _, piece in pieces(array):
        values = as_floats(piece)
        low, high = min(low, float(values.min())), max(high, float(values.max()))
        differences = values.astype(np.float64) - offset
        total += float(differences.sum())
        total_of_squares += float(np.vdot(differences, differences))
    mean = total / array.size
    deviation = math.sqrt(max(total_of_squares / array.size - mean**2, 0))
    return Statistics(low, high, offset + mean, deviation)


def class_counts(dataset: Dataset) -> Array:
    """The number of training samples (or pixels) of each class, (K,), without ignored
    labels; for targets (N, K) that are 0 or 1, the number of samples with each label."""
    y = dataset.train[1]
    counts: Array
    if y.dtype.kind == "f":
        counts = np.count_nonzero(y, axis=0)
    else:
        size = dataset.num_classes or 0
        counts = np.bincount(y[dataset.counts(y)], minlength=size)
    return counts
