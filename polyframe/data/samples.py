"""Samples in a file for predictions, read as for a data set from a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from polyframe.data.dataset import scale_bytes
from polyframe.data.files import reading
from polyframe.errors import DataError
from polyframe.io.array import Array

Inputs = Sequence[tuple[str, tuple[int, ...]]]
"""(name, shape of a sample) of each input of a model."""


def read_samples(path: Path, inputs: Inputs, layout: str = "NCHW") -> list[Array]:
    """One array per input, from a .npy or .npz file; nothing in it is unpickled.

    An .npz has the key x, or the names of the inputs if there are several. DataError for
    a file that cannot be read, or that lacks a key.
    """
    names = [name for name, _ in inputs]
    keys = names if len(names) > 1 else ["x"]
    where = str(path)
    if path.suffix.lower() not in (".npy", ".npz"):
        raise DataError("a file ending in .npy or .npz is needed", where=where)
    hint = f"allowed: .npy with one array, .npz with the keys {', '.join(keys)}"
    with reading(where, hint), path.open("rb") as handle:
        loaded = np.load(handle, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            arrays = {keys[0]: loaded}
        else:
            with loaded:
                arrays = {key: loaded[key] for key in keys if key in loaded.files}
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise DataError(f"has no array {', '.join(missing)}", where=where, hint=hint)
    return [
        neutral(arrays[key], shape, layout, where)
        for key, (_, shape) in zip(keys, inputs, strict=True)
    ]


def neutral(array: Array, shape: tuple[int, ...], layout: str, where: str) -> Array:
    """Bytes are scaled, and grey images get a channel axis, as do signals and volumes of
    one channel."""
    if array.ndim > 1 and (1, *array.shape[1:]) == shape:
        array = array[:, None] if layout == "NCHW" else array[..., None]
    if array.dtype == np.uint8:
        return scale_bytes(array)
    if array.dtype.kind != "f":
        raise DataError(
            f"holds {array.dtype}",
            where=where,
            hint="allowed: uint8 (divided by 255) and floating-point numbers",
        )
    return array
