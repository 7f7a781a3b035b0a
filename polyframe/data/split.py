"""Splitting training data into the samples to train on and those to validate on.

The split is keyed by a seed: it is the same on every backend, and when a training is
resumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from polyframe.data.dataset import Dataset
from polyframe.errors import DataError
from polyframe.io.array import Array
from polyframe.randomness import generator
from polyframe.spec.fields import Float, checked
from polyframe.spec.settings import KINDS

FRACTION = Float(0.0, 1.0, below=True, above=True)
"""What the share of the samples to validate on may be."""
WHERE = "validation_split"


class Rows(NamedTuple):
    """The numbers of the samples to train on and of those to validate on, ascending."""

    train: Array
    validation: Array


def split(data: Dataset, fraction: float, seed: int = 0) -> Dataset:
    """The data set with a part of its training data as ``validation``.

    - ``fraction``: the share of the training samples to validate on, above 0 and below
      1: ``floor(fraction·N + 1/2)`` of the N samples. Where targets are class labels
      (N,), each class has its share (``split_rows``).
    - ``seed``: chooses the samples. ``Model.fit(validation_split=…)`` of a model with that
      seed takes the same ones.

    Arrays are copied; of memory maps, the rows are read. ``DataError`` for another
    fraction, where a part or a class in a part would be empty, and for a data set that
    has a validation part.
    """
    rows = rows_of(data, fraction, checked("seed", KINDS["seed"], seed, DataError))
    (x, y), weights = data.train, data.weights
    return replace(
        data,
        train=(x[rows.train], y[rows.train]),
        validation=(x[rows.validation], y[rows.validation]),
        weights=None if weights is None else weights[rows.train],
    )


def rows_of(data: Dataset, fraction: float, seed: int, where: str = WHERE) -> Rows:
    """The rows of a data set's training data; DataError, at ``where``, if it has a
    validation part of its own or cannot be split like that."""
    if data.validation is not None:
        raise DataError(
            f"{data.name} has a validation part of its own, which is used",
            where=where,
            hint="leave the split out",
        )
    x, y = data.train
    ignored, names = data.ignore_index, data.classes
    return split_rows(
        len(x), fraction, seed, labels_in(y), data.weights, ignored, names, where
    )


def labels_in(targets: Array) -> Array | None:
    """Targets that are class labels, to stratify by, as integers (N,): integers or
    booleans (N,) or (N, 1). None for all others."""
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    if targets.ndim != 1 or targets.dtype.kind not in "iub":
        return None
    return targets.astype(np.int64) if targets.dtype.kind == "b" else targets


def split_rows(
    count: int,
    fraction: float,
    seed: int,
    labels: Array | None = None,
    weights: Array | None = None,
    ignored: int | None = None,
    names: Sequence[str] = (),
    where: str = WHERE,
) -> Rows:
    """Which of ``count`` samples are to train on, and which to validate on.

    The samples are shuffled by the seed, and the first ``n = floor(fraction·N + 1/2)``
    are to validate on. With ``labels`` (N,) they are the first ones of each class: of a
    class with m samples ``floor(fraction·m)``, and one more in as many classes as it takes
    to have n, those with the largest remainders (of equal ones, the smaller label).

    ``DataError``, at ``where``, if there would be no sample in a part, none of a class
    (the label ``ignored`` is none; ``names`` are those of the classes), or none with a
    sample weight above 0.
    """
    # As it is written: 0.29 of 100 samples are 29, and not 28.999….
    share = Fraction(repr(checked(where, FRACTION, fraction, DataError)))
    total = whole(share * count + Fraction(1, 2))
    order = generator(seed, "split").permutation(count)
    if total in (0, count):
        what = f"the {count} sample{'s' * (count > 1)}"
        raise left_out(where, share, total, what)
    if labels is None:
        chosen = order[:total]
    else:
        classes, sizes = np.unique(labels, return_counts=True)
        quotas = [share * int(size) for size in sizes]
        taken = np.array([whole(quota) for quota in quotas])
        by_remainder = sorted(
            range(len(quotas)), key=lambda i: whole(quotas[i]) - quotas[i]
        )
        taken[by_remainder[: total - int(taken.sum())]] += 1
        for label, size, part in zip(classes, sizes, taken, strict=True):
            if part in (0, size) and label != ignored:
                name = names[label] if 0 <= label < len(names) else label
                what = f"the {size} sample{'s' * int(size > 1)} of class {name}"
                raise left_out(where, share, int(part), what)
        order = order[np.argsort(labels[order], kind="stable")]
        place = np.arange(count) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        chosen = order[place < np.repeat(taken, sizes)]
    held_out = np.zeros(count, bool)
    held_out[chosen] = True
    rows = Rows(np.flatnonzero(~held_out), np.flatnonzero(held_out))
    if weights is not None:
        for part, what in zip(rows, ("to train on", "to validate on"), strict=True):
            if not weights[part].any():
                raise DataError(f"all samples {what} have weight 0", where=where)
    return rows


def whole(number: Fraction) -> int:
    """The largest integer that is not above it."""
    return number.numerator // number.denominator


def left_out(where: str, share: Fraction, taken: int, samples: str) -> DataError:
    """The error for a part that would be empty."""
    purpose, way = ("validate", "larger") if taken == 0 else ("train", "smaller")
    return DataError(
        f"{float(share):g} of {samples} leaves none to {purpose} on",
        where=where,
        hint=f"a {way} fraction, more samples, or validation data of your own",
    )
