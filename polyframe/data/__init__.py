"""Data sets as NumPy arrays in the neutral layout (N, C, H, W). No framework needed."""

from polyframe.data.arrays import from_arrays
from polyframe.data.augment import at_rest, augment, resolve
from polyframe.data.catalogue import (
    describe,
    load,
    names,
    options_of,
    register_dataset,
)
from polyframe.data.dataset import Dataset, build, check
from polyframe.data.rows import batch_of
from polyframe.data.split import split

__all__ = [
    "Dataset",
    "at_rest",
    "augment",
    "batch_of",
    "build",
    "check",
    "describe",
    "from_arrays",
    "load",
    "names",
    "options_of",
    "register_dataset",
    "resolve",
    "split",
]
