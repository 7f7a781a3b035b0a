"""The data sets by name: one table for loading, listing and checks."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from polyframe.data import (
    cifar,
    digits,
    fashion,
    folders,
    masks,
    npy,
    npz,
    synthetic,
    tables,
)
from polyframe.data.dataset import Dataset
from polyframe.data.files import user_path
from polyframe.data.subset import OPTIONS, subset
from polyframe.errors import DataError, brief, did_you_mean
from polyframe.plugins import load_installed

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


class Entry(NamedTuple):
    """A loader and its description. Its keyword-only parameters are the options."""

    loader: Callable[..., Dataset]
    description: str


TABLE: dict[str, Entry] = {
    "fashion-mnist": Entry(
        fashion.load, "60,000 + 10,000 grey 28x28 images of clothes, 10 classes"
    ),
    "cifar10": Entry(
        cifar.load, "50,000 + 10,000 colour 32x32 images, 10 classes; option path"
    ),
    "digits": Entry(
        digits.load, "1,437 + 360 grey 8x8 handwritten digits, shipped with polyframe"
    ),
    "synthetic": Entry(
        synthetic.load,
        "seeded, any shape, any task; options shape, classes, train, validation, test, …",
    ),
}
NPZ = Entry(
    npz.load,
    "arrays x_train, y_train[, x_val, …, x_test, …, w_train] or x, y; options layout, "
    "ignore_index",
)
CSV = Entry(
    tables.load,
    "columns image, label (or target)[, split, weight], or label, pixel0, …; options "
    "shape, size, channels",
)
NPY = Entry(
    npy.load,
    "x_train.npy, y_train.npy[, x_val, …, x_test, …, w_train], mapped; options layout, "
    "ignore_index",
)
IMAGES = Entry(
    folders.load,
    "FOLDER/class/name.png, or FOLDER/train/class/…; options size, channels",
)
MASKS = Entry(
    masks.load,
    "FOLDER/images/name.jpg and FOLDER/masks/name.png, or both in FOLDER/train; options "
    "size, channels, classes, ignore_index",
)
FILES = (NPZ, CSV, NPY, MASKS, IMAGES)


def register_dataset(
    name: str, loader: Callable[..., Dataset], description: str
) -> None:
    """Add a data set of a plug-in: its keyword-only parameters are its options, and it
    ends in ``build``, which checks what it has read. DataError for a name that is
    taken, or that could be a file's."""
    other = TABLE.get(name)
    if other is not None and origin(other.loader) != origin(loader):
        raise DataError(
            f"there is already a data set {brief(name)}, of {other.loader.__module__}",
            where="register_dataset",
            hint="give it another name",
        )
    if not NAME.fullmatch(name):
        raise DataError(
            f"a data set cannot be called {brief(name)}",
            where="register_dataset",
            hint="letters, digits, - and _, beginning with a letter",
        )
    TABLE[name] = Entry(loader, description)


def origin(loader: Callable[..., Dataset]) -> tuple[str, str]:
    """Where a loader is defined; running its file again gives the same."""
    return loader.__code__.co_filename, loader.__qualname__


def names() -> list[str]:
    """The names of the data sets, those of plug-ins too, sorted."""
    load_installed()
    return sorted(TABLE)


def describe(name: str) -> str:
    """One line about a data set."""
    return _entry(name).description


def options_of(name: str | Path) -> list[str]:
    """The options that a data set takes: its own, and those of every one."""
    own = options_of_loader(_entry(name))
    return [*own, *(option for option in OPTIONS if option not in own)]


def options_of_loader(entry: Entry) -> list[str]:
    """The options that a loader knows itself."""
    return [
        parameter.name
        for parameter in inspect.signature(entry.loader).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]


def load(name: str | Path, **options: object) -> Dataset:
    """A data set by its name, or from a file or folder; see ``describe``.

    Every one takes ``train`` and ``test``: so many of its samples, the same ones each time
    (``subset``); synthetic data make as many up.
    """
    entry, allowed = _entry(name), options_of(name)
    for option in options:
        if option not in allowed:
            raise DataError(
                f"there is no option {option!r}.{did_you_mean(option, allowed)}",
                where=str(name),
                hint=f"allowed: {', '.join(allowed)}",
            )
    own = options_of_loader(entry)
    parts = {
        key: options.pop(key) for key in OPTIONS if key not in own and key in options
    }
    data = entry.loader(name, **options) if entry in FILES else entry.loader(**options)
    return subset(data, **parts)


def _entry(name: str | Path) -> Entry:
    if isinstance(name, str) and name in TABLE:
        return TABLE[name]
    if isinstance(name, str) and NAME.fullmatch(name):
        load_installed()
        if name in TABLE:
            return TABLE[name]
    if isinstance(name, str | Path):
        suffix = str(name).lower()
        if suffix.endswith(".npz"):
            return NPZ
        if suffix.endswith(".csv"):
            return CSV
        # An empty name would be the current folder; a NUL in it raises in older Pythons.
        path = user_path(name)
        if str(name) and "\0" not in str(name) and path.is_dir():
            folder = (NPY, npy.is_folder), (MASKS, masks.is_folder)
            return next((entry for entry, fits in folder if fits(path)), IMAGES)
    raise DataError(
        f"unknown data set {brief(str(name))}.{did_you_mean(str(name), TABLE)}",
        hint=f"allowed: {', '.join(names())}, or a file that ends in .npz or .csv, or a "
        "folder of .npy files or of images that exists",
    )
