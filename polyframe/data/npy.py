"""Data sets in a folder of .npy files, as memory maps: they may be larger than memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from polyframe.data.arrays import from_arrays
from polyframe.data.dataset import Dataset
from polyframe.data.files import reading, user_path
from polyframe.errors import DataError
from polyframe.io.array import Array

KEYS = ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test", "w_train")
HINT = (
    "allowed in the folder: x_train.npy, y_train.npy and, if there is a test set, "
    "x_test.npy, y_test.npy; x_val.npy, y_val.npy to validate; w_train.npy for sample "
    "weights"
)


def is_folder(path: Path) -> bool:
    """Whether a folder contains at least one of the files."""
    return any((path / f"{key}.npy").is_file() for key in KEYS)


def load(
    path: str | Path, *, layout: str = "NCHW", ignore_index: int | None = None
) -> Dataset:
    """Samples and float targets stay in their files; labels are read."""
    folder = user_path(path)
    files = {key: folder / f"{key}.npy" for key in KEYS}
    arrays = {key: read(file) for key, file in files.items() if file.is_file()}
    for key in ("x_train", "y_train"):
        if key not in arrays:
            raise DataError(f"there is no {key}.npy", where=str(folder), hint=HINT)
    return from_arrays(
        arrays["x_train"],
        arrays["y_train"],
        arrays.get("x_test"),
        arrays.get("y_test"),
        name=folder.resolve().name,
        layout=layout,
        source=f"folder {folder}",
        weights=arrays.get("w_train"),
        ignore_index=ignore_index,
        x_val=arrays.get("x_val"),
        y_val=arrays.get("y_val"),
    )


def read(path: Path) -> Array:
    """The array in a .npy file, as a memory map; nothing is unpickled."""
    hint = "needed: a .npy file with one plain array"
    with reading(str(path), hint):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray):
            array.close()
            raise DataError("the file is an .npz archive", where=str(path), hint=hint)
    return array
