"""The arrays beside an ejected program: its data and its initial weights, as ``.npz``."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np

from polyframe.data import Dataset
from polyframe.io.array import Array
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses import Loss
from polyframe.spec.losses.targets import with_channel


def arrays(data: Dataset, loss: Loss, output: Shape) -> dict[str, Array]:
    """A data set's arrays; images that were read from bytes are stored as bytes, and
    targets have the output's shape where the loss compares numbers."""
    _, test = data.evaluated
    values = {
        "x_train": data.train[0],
        "y_train": data.train[1],
        "x_test": test[0],
        "y_test": test[1],
    }
    if not loss.labels and loss.domain != "unused":
        for name in ("y_train", "y_test"):
            target = with_channel(values[name], output)
            values[name] = target if target.dtype.kind == "f" else target * 1.0
    for name in ("x_train", "x_test"):
        x = values[name]
        if x.dtype == np.float32:
            as_bytes = np.clip(np.rint(x * 255), 0, 255).astype(np.uint8)
            if np.array_equal(as_bytes.astype(np.float32) / np.float32(255), x):
                values[name] = as_bytes
    return values


def packed(values: Mapping[str, Array]) -> bytes:
    """Arrays as the bytes of a compressed ``.npz``."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **values)
    return buffer.getvalue()
