"""Rows of arrays and memory maps, as floats for a model."""

from __future__ import annotations

import math
import mmap
from typing import Any

import numpy as np

from polyframe.data.dataset import scale_bytes
from polyframe.io.array import Array


def is_mapped(array: Array) -> bool:
    """Whether the array is a memory map, or a view of one."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base, mmap.mmap)


class TakenRows:
    """Rows of an array that are read when slices of them are taken: what ``resolve`` needs
    of the training samples, of a memory map too."""

    def __init__(self, array: Array, rows: Array) -> None:
        self.array, self.rows, self.dtype = array, rows, array.dtype
        self.shape = (len(rows), *array.shape[1:])
        self.size = math.prod(self.shape)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, part: slice) -> Array:
        taken: Array = self.array[self.rows[part]]
        return taken


def float_type(array: Array) -> type[np.floating[Any]]:
    """The native float type to which an array of floats is converted."""
    return np.float64 if array.dtype.itemsize == 8 else np.float32


def batch_of(array: Array, index: slice | Array) -> Array:
    """Rows of samples or targets: contiguous, in native floats.

    Bytes become float32 ``x / 255``, floats of other sizes or byte orders float32 or
    float64; labels are unchanged. A slice of an array that needs no conversion is a view
    of it. The rows of a memory map are read in the order of the file.
    """
    if isinstance(index, slice) or not is_mapped(array):
        return as_floats(array[index])
    order = np.argsort(index)
    rows = as_floats(array[index[order]])
    result = np.empty_like(rows)
    result[order] = rows
    return result


def as_floats(rows: Array) -> Array:
    """Rows in the type and layout of a batch; see ``batch_of``."""
    if rows.dtype == np.uint8:
        return scale_bytes(np.ascontiguousarray(rows))
    dtype = float_type(rows) if rows.dtype.kind == "f" else rows.dtype
    return np.asarray(np.ascontiguousarray(rows, dtype=dtype))
