"""The data sets by name: one table, from which loading, listing and checks follow."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from polyframe.data import cifar, digits, fashion, npz, synthetic
from polyframe.data.dataset import Dataset
from polyframe.errors import DataError, did_you_mean


class Entry(NamedTuple):
    """A loader and what it loads. Its keyword parameters are the options allowed."""

    loader: Callable[..., Dataset]
    description: str


TABLE = {
    "fashion-mnist": Entry(
        fashion.load, "60,000 + 10,000 grey 28x28 pictures of clothes, 10 classes"
    ),
    "cifar10": Entry(
        cifar.load, "50,000 + 10,000 colour 32x32 pictures, 10 classes; option path"
    ),
    "digits": Entry(
        digits.load, "1,437 + 360 grey 8x8 handwritten digits, shipped with polyframe"
    ),
    "synthetic": Entry(
        synthetic.load,
        "seeded, any shape; options shape, classes, train, test, seed, kind, targets",
    ),
}
NPZ = Entry(
    npz.load, "arrays x_train, y_train[, x_test, y_test] or x, y; option layout"
)


def names() -> list[str]:
    """The names of the data sets, sorted."""
    return sorted(TABLE)


def describe(name: str) -> str:
    """One line about a data set."""
    return _entry(name).description


def load(name: str | Path, **options: Any) -> Dataset:
    """A data set by its name, or from an .npz file."""
    entry = _entry(name)
    allowed = [
        parameter.name
        for parameter in inspect.signature(entry.loader).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    for option in options:
        if option not in allowed:
            raise DataError(
                f"there is no option {option!r}.{did_you_mean(option, allowed)}",
                where=str(name),
                hint=f"allowed: {', '.join(allowed) or 'no options'}",
            )
    return entry.loader(name, **options) if entry is NPZ else entry.loader(**options)


def _entry(name: str | Path) -> Entry:
    if isinstance(name, str) and name in TABLE:
        return TABLE[name]
    if isinstance(name, str | Path) and str(name).lower().endswith(".npz"):
        return NPZ
    raise DataError(
        f"unknown data set {str(name)!r}.{did_you_mean(str(name), TABLE)}",
        hint=f"allowed: {', '.join(names())}, or a file that ends in .npz",
    )
