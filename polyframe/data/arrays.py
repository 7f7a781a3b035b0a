"""Arrays from outside (a user's, or an .npz file's) brought into the neutral form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from polyframe.data.dataset import (
    Dataset,
    Split,
    build,
    check_ignore_index,
    check_labels,
    scale_bytes,
)
from polyframe.data.rows import float_type, is_mapped
from polyframe.errors import DataError, did_you_mean
from polyframe.io.array import Array
from polyframe.spec.losses.targets import sample_of

LAYOUTS = ("NCHW", "NHWC")


def normalise_x(x: object, where: str, layout: str = "NCHW") -> Array:
    """Bring samples into the neutral form: float, channels first, native byte order.

    A memory map stays one: its axes are reordered as a view, and ``batch_of`` converts
    its values.
    """
    if layout not in LAYOUTS:
        raise DataError(
            f"unknown layout {layout!r}.{did_you_mean(str(layout), LAYOUTS)}",
            where=where,
            hint=f"allowed: {', '.join(LAYOUTS)}",
        )
    array = as_array(x, "x", where)
    if array.ndim not in (2, 3, 4):
        raise DataError(
            f"x has shape {array.shape}",
            where=where,
            hint="allowed: (N, C, H, W), (N, H, W) or (N, features)",
        )
    if array.ndim == 3:
        array = array[:, None]  # grey images without a channel axis
    elif array.ndim == 4 and layout == "NHWC":
        array = array.transpose(0, 3, 1, 2)
    if array.dtype == np.uint8:
        # A memory map keeps its bytes; batch_of scales them as they are used.
        return array if is_mapped(array) else scale_bytes(array)
    if array.dtype.kind != "f" or array.dtype.itemsize > 8:
        raise DataError(
            f"x is of type {array.dtype}",
            where=where,
            hint="allowed: uint8 (scaled by 1/255), float32, float64",
        )
    if is_mapped(array):
        return array
    return np.ascontiguousarray(array, dtype=float_type(array))


def normalise_y(
    y: object, where: str, layout: str = "NCHW", ignored: int | None = None
) -> Array:
    """Labels to int64, regression targets to a native float, channels first; anything
    else unchanged."""
    array = as_array(y, "y", where)
    if array.dtype.kind == "f" and array.ndim == 4 and layout == "NHWC":
        array = array.transpose(0, 3, 1, 2)
    if array.dtype.kind == "f" and array.dtype.itemsize <= 8:
        if is_mapped(array):
            return array
        return np.ascontiguousarray(array, dtype=float_type(array))
    if array.ndim and array.dtype.kind in "iu":
        # Checked before the conversion: a huge uint64 would wrap to a negative label.
        check_labels(array, where, None, ignored)
        if array.size and int(array.max()) > 2**31 - 1:
            sample = sample_of(array == array.max())
            raise DataError(
                f"label {array.max()} at sample {sample} is not a class number",
                where=where,
                hint="labels count the classes from 0",
            )
        return array.astype(np.int64)
    return array  # check() says what is wrong with it


def as_array(values: object, key: str, where: str) -> Array:
    """``np.asarray``; DataError for ragged lists and arrays of objects."""
    try:
        array = np.asarray(values)
    except Exception as err:  # whatever a foreign object's __array__ may raise
        raise DataError(f"{key} is not an array: {err}", where=where) from err
    if array.dtype.hasobject:
        raise DataError(
            f"{key} is an array of Python objects",
            where=where,
            hint="give one array of numbers; objects are never unpickled",
        )
    return array


def from_arrays(
    x: object,
    y: object,
    x_test: object = None,
    y_test: object = None,
    name: str = "arrays",
    classes: Sequence[str] = (),
    *,
    layout: str = "NCHW",
    source: str = "arrays in memory",
    weights: object = None,
    ignore_index: int | None = None,
    x_val: object = None,
    y_val: object = None,
) -> Dataset:
    """A data set from arrays, with the same rules and checks as for an .npz file.

    - ``layout``: "NHWC" where the channels of images come last, in x and in float
      targets that are images.
    - ``weights``: the sample weights of the training data (N,).
    - ``ignore_index``: the label that marks what is not to be counted, as 255 or -1; it
      need not be a class. The loss has to have the same one.
    - ``x_val``, ``y_val``: the samples to validate on after each epoch. Test data are for
      ``evaluate``.

    Memory maps stay memory maps.
    """
    ignored = check_ignore_index(ignore_index, name)
    where = f"{name}, train"
    train = normalise_x(x, where, layout), normalise_y(y, where, layout, ignored)
    held_out: dict[str, Split | None] = {}
    for part, key, a, b in (
        ("validation", "val", x_val, y_val),
        ("test", "test", x_test, y_test),
    ):
        if (a is None) != (b is None):
            given, missing = ("y", "x") if a is None else ("x", "y")
            raise DataError(
                f"{given}_{key} is given without {missing}_{key}",
                where=name,
                hint="give both, or neither",
            )
        where, held_out[part] = f"{name}, {part}", None
        if a is not None:
            held_out[part] = (
                normalise_x(a, where, layout),
                normalise_y(b, where, layout, ignored),
            )
    sample_weights = None
    if weights is not None:
        sample_weights = as_array(weights, "weights", f"{name}, train")
    return build(
        name, train, held_out["test"], classes, source, sample_weights, ignored,
        held_out["validation"],
    )  # fmt: skip
