"""A part of a data set: fewer samples to train or to test on, the same ones each time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from polyframe.data.dataset import Dataset, Split
from polyframe.errors import DataError, brief
from polyframe.io.array import Array
from polyframe.randomness import generator
from polyframe.spec.fields import LARGEST, Int

OPTIONS = ("train", "test")
"""Options of every data set: how many of its training and test samples are taken."""


def subset(data: Dataset, train: object = None, test: object = None) -> Dataset:
    """The data set with ``train`` of its training samples and ``test`` of its test samples,
    all where None.

    They are the first ones of a fixed order, so that a smaller part lies within a larger
    one, and keep the order in which the data set has them. DataError for a number above
    what there is, or for ``test`` without test data.
    """
    rows = taken(data, "train", train, data.train)
    if rows is not None:
        x, y = data.train
        weights = None if data.weights is None else data.weights[rows]
        data = replace(data, train=(x[rows], y[rows]), weights=weights)
    rows = taken(data, "test", test, data.test)
    if rows is not None and data.test is not None:
        x, y = data.test
        data = replace(data, test=(x[rows], y[rows]))
    return data


def taken(data: Dataset, name: str, given: object, part: Split | None) -> Array | None:
    """The numbers of the samples, ascending; None for all of them."""
    if given is None:
        return None
    where = f"{data.name}: {name}"
    if part is None:
        raise DataError(f"got {brief(given)}, but it has no {name} data", where=where)
    most = len(part[0])
    try:
        count = Int(1, LARGEST).check(given)
        if count > most:
            raise ValueError
    except ValueError:
        raise DataError(
            f"got {brief(given)}; a whole number from 1 to {most} is allowed, the samples "
            "that there are",
            where=where,
            hint="leave it out to take them all",
        ) from None
    order = generator(0, "subset", name).permutation(most)
    return np.sort(order[:count])
