"""Data sets in NumPy's .npz files. Nothing is unpickled: objects are refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from polyframe.data.arrays import from_arrays
from polyframe.data.dataset import Dataset
from polyframe.data.files import reading, user_path
from polyframe.errors import DataError
from polyframe.io.array import Array

KEYS = (
    "x_train, y_train and, if there is a test set, x_test, y_test; or x, y; "
    "x_val, y_val to validate; w_train for sample weights"
)


def load(
    path: str | Path, *, layout: str = "NCHW", ignore_index: int | None = None
) -> Dataset:
    """Keys: x_train and y_train (or x and y); optionally x_val and y_val, x_test and
    y_test, w_train."""
    path = user_path(path)
    arrays = read(path, (), hint=f"needed: an .npz file that holds {KEYS}")
    short = "x_train" not in arrays and "x" in arrays
    x, y = ("x", "y") if short else ("x_train", "y_train")
    missing = [key for key in (x, y) if key not in arrays]
    if missing:
        raise DataError(
            f"there is no {' and no '.join(missing)}; the file holds "
            + (", ".join(map(repr, arrays)) or "nothing"),
            where=str(path),
            hint=f"allowed keys: {KEYS}",
        )
    return from_arrays(
        arrays[x],
        arrays[y],
        arrays.get("x_test"),
        arrays.get("y_test"),
        name=path.name,
        layout=layout,
        source=f"file {path}",
        weights=arrays.get("w_train"),
        ignore_index=ignore_index,
        x_val=arrays.get("x_val"),
        y_val=arrays.get("y_val"),
    )


ALLOWED = (
    "x_train", "y_train", "x_val", "y_val", "x_test", "y_test", "w_train", "x", "y"
)  # fmt: skip


def read(path: Path, keys: Sequence[str], *, hint: str) -> dict[str, Array]:
    """The arrays named by `keys`, or those a data set may have. Others stay unread."""
    arrays: dict[str, Array] = {}
    # Opened here: NumPy leaves a file open that is not an archive after all.
    with reading(str(path), hint), path.open("rb") as handle:
        file = np.load(handle, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            message = "the file holds one array, not named ones"
            raise DataError(message, where=str(path), hint=hint)
        with file:
            for key in keys or [key for key in ALLOWED if key in file.files]:
                with reading(f"{path}, key {key!r}", hint):
                    arrays[key] = file[key]
            if not arrays:
                names = ", ".join(map(repr, file.files)) or "nothing"
                raise DataError(f"the file holds {names}", where=str(path), hint=hint)
    return arrays
