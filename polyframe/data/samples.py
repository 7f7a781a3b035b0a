"""Samples for predictions, in a file or a folder of images, read as for a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from polyframe.data.dataset import scale_bytes
from polyframe.data.files import reading
from polyframe.data.folders import folders, visible
from polyframe.data.images import SUFFIXES, ImageFile, decode, form_of
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
        raise DataError(
            "a file ending in .npy or .npz, an image or a folder of images is needed",
            where=where,
        )
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


def images_in(path: Path) -> list[Path]:
    """An image, or the images in a folder and in its folders; none in other files."""
    files = [path] if path.is_file() else []
    for folder in [path, *folders(path)] if path.is_dir() else []:
        files += [file for file in visible(folder) if file.is_file()]
    found = [file for file in files if file.suffix.lower() in SUFFIXES]
    if not found and path.is_dir():
        raise DataError(
            "has no images",
            where=str(path),
            hint=f"suffixes of images: {' '.join(SUFFIXES)}",
        )
    return found


def read_images(
    files: Sequence[Path], inputs: Inputs, options: Mapping[str, object]
) -> Array:
    """Images as bytes (N, C, H, W), converted as the options ``size`` and ``channels`` of
    the data say with which a model was trained. DataError unless it takes them."""
    (_, shape), *others = inputs
    sources = [ImageFile(file, str(file)) for file in files]
    first = sources[0]
    form = form_of(first, options.get("size"), options.get("channels"), first.where)
    given = (form.channels, form.height, form.width)
    if others or shape != given:
        raise DataError(
            f"is {given}, but the model takes "
            f"{' and '.join(str(shape) for _, shape in inputs)}",
            where=first.where,
            hint="the options size and channels of the data that it is trained on "
            "convert images; else they are like those of the training",
        )
    return decode(sources, form)
