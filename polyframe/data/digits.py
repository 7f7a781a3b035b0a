"""Optical digits: 1,797 grey 8 × 8 images, shipped with polyframe (about 50 kB).

This is the test set of E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten
Digits" (1998), UCI Machine Learning Repository, https://doi.org/10.24432/C50P49, licensed
CC BY 4.0; the copy is the one in scikit-learn (`sklearn.datasets.load_digits`, BSD-3).
The values, 0..16, are unchanged; they are stored as bytes in digits.npz.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from polyframe.data.dataset import Dataset, build
from polyframe.data.npz import read

FILE = Path(__file__).with_name("digits.npz")
TEST = 360  # the last fifth, in the file's own order


def load() -> Dataset:
    """The images as (N, 1, 8, 8) in steps of 1/16; the last 360 are the test set."""
    arrays = read(FILE, ("images", "labels"), hint="reinstall polyframe")
    x = arrays["images"][:, None] / np.float32(16)
    y = arrays["labels"].astype(np.int64)
    return build(
        "digits",
        (x[:-TEST], y[:-TEST]),
        (x[-TEST:], y[-TEST:]),
        tuple("0123456789"),
        "shipped with polyframe (scikit-learn's copy of UCI optdigits)",
    )
