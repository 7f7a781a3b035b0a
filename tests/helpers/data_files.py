"""Small data sets as files, for tests of what reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from helpers.failing import fails
from PIL import Image

from polyframe import data
from polyframe.errors import DataError

rng = np.random.default_rng(0)
BYTES = rng.integers(0, 256, (12, 3, 6, 5), np.uint8)
LABELS = np.arange(12) % 3


def bad(message, name, **options):
    """Loading it gives one DataError that holds that text."""
    return fails(DataError, lambda: data.load(name, **options), message)


def npy(folder="set", **arrays):
    Path(folder).mkdir(exist_ok=True)
    for key, array in arrays.items():
        np.save(Path(folder) / f"{key}.npy", array)
    return folder


def save(path, pixels, **options):
    """(H, W) or (C, H, W) bytes as an image."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    pixels = np.asarray(pixels, np.uint8)
    pixels = pixels if pixels.ndim == 2 else pixels.transpose(1, 2, 0)
    Image.fromarray(pixels).save(path, **options)


def pictures(folder="set", classes=("cat", "dog", "eel"), start=0, count=2, x=BYTES):
    """Some images for each class; the samples in the order of the data set."""
    made = []
    for name in classes:
        for i in range(count):
            made.append(x[(start + len(made)) % len(x)])
            save(Path(folder, name, f"{i}.png"), made[-1])
    return np.stack(made)
