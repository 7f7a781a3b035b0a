"""Rows of arrays and memory maps, as the floats that a model takes."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np

from polyframe.data.dataset import Array, scale_bytes


def is_mapped(array: Array) -> bool:
    """Whether the array lies in a file: a memory map, or a view of one."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base, mmap.mmap)


def float_type(array: Array) -> type[np.floating[Any]]:
    """The native float type that an array of floats is brought to."""
    return np.float64 if array.dtype.itemsize == 8 else np.float32


def batch_of(array: Array, index: slice | Array) -> Array:
    """Rows of samples or targets: one block of memory, native floats.

    Bytes become float32 ``x / 255``, floats of other sizes or byte orders float32 or
    float64; labels come as they are. A slice of an array that needs none of this is a
    view of it. Of a memory map, rows are read in the order in which they lie in the file.
    """
    if isinstance(index, slice) or not is_mapped(array):
        return as_floats(array[index])
    order = np.argsort(index)
    rows = as_floats(array[index[order]])
    found = np.empty_like(rows)
    found[order] = rows
    return found


def as_floats(rows: Array) -> Array:
    """Rows that were cut, in the type and layout of a batch; see ``batch_of``."""
    if rows.dtype == np.uint8:
        return scale_bytes(np.ascontiguousarray(rows))
    dtype = float_type(rows) if rows.dtype.kind == "f" else rows.dtype
    return np.asarray(np.ascontiguousarray(rows, dtype=dtype))
