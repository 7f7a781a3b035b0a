"""What the targets of a data set are for, told from the targets themselves.

| targets | task |
|---|---|
| integers (N,) | classification |
| integers (N, H, W), also (N, L) and (N, D, H, W) | segmentation |
| floats (N, K), each 0 or 1 | multi-label |
| floats (N, K), 0 or more, which add up to 1 for each sample | classification |
| floats (N,) or (N, 1), each 0 or 1 | classification, of two classes |
| floats (N, …) of fewer axes than samples, others | regression |
| floats (N, K, H, W), each 0 or 1 | multi-label segmentation; of K = 1 segmentation |
| floats (N, K, H, W), 0 or more, which add up to 1 for each pixel | segmentation |
| floats (N, K, H, W), others | image-to-image |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from polyframe.io.array import Array

PIECE = 1 << 22
"""Bytes that are looked at in one go."""
TOLERANCE = 1e-3
"""How far a sum of probabilities, which may have few digits, may be from 1."""


def task_of(x: Array, y: Array) -> str:
    """A name in ``spec.tasks.TASKS`` for samples and targets as data sets hold them."""
    images = y.ndim > 2 and y.ndim == x.ndim
    if y.dtype.kind != "f":
        return "classification" if y.ndim == 1 else "segmentation"
    if images or y.ndim < 3:
        if all(is_binary(y)):
            one = y.ndim == 1 or y.shape[1] == 1
            if one or all(is_distribution(y)):
                return "segmentation" if images else "classification"
            return "multi-label segmentation" if images else "multi-label"
        if are_probabilities(y):
            return "segmentation" if images else "classification"
    return "image-to-image" if images else "regression"


def are_probabilities(y: Array) -> bool:
    """Whether targets (N, K, …) are probabilities of at least two classes."""
    return y.dtype.kind == "f" and y.ndim > 1 and y.shape[1] > 1 and all(
        is_distribution(y)
    )  # fmt: skip


def is_binary(y: Array) -> Iterator[bool]:
    """For each piece, whether all its numbers are 0 or 1."""
    return each(y, lambda rows: bool(((rows == 0) | (rows == 1)).all()))


def is_distribution(y: Array) -> Iterator[bool]:
    """For each piece, whether its numbers are 0 or more and add up to 1 over axis 1."""

    def adds_up(rows: Array) -> bool:
        sums = rows.sum(axis=1, dtype=np.float64)
        return bool((rows >= 0).all() and (np.abs(sums - 1) <= TOLERANCE).all())

    return each(y, adds_up)


def each(y: Array, test: Callable[[Array], bool]) -> Iterator[bool]:
    """A test of some rows after the others, so that a memory map is never read as a
    whole, and most not beyond the first piece that fails."""
    step = max(1, PIECE * len(y) // max(1, y.nbytes))
    return (test(y[first : first + step]) for first in range(0, len(y), step))
