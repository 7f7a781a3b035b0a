"""Arrays from outside (a user's, or an .npz file's) brought into the neutral form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

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
from polyframe.data.tasks import is_binary
from polyframe.errors import DataError, did_you_mean
from polyframe.io.array import Array
from polyframe.spec.losses.targets import sample_of


class Layout(NamedTuple):
    """The order of the axes of arrays from outside.

    - ``axes``: how many samples have, with N, where the layout is for one kind of them; an
      array with one axis less has no channels, and gets that axis.
    - ``last``: the channels come last, of targets with channels, too.
    """

    axes: int | None
    last: bool


LAYOUTS = {
    "NCHW": Layout(None, False),
    "NHWC": Layout(None, True),
    "NCL": Layout(3, False),
    "NLC": Layout(3, True),
    "NCDHW": Layout(5, False),
    "NDHWC": Layout(5, True),
}
"""NCHW and NHWC are for features (N, F), grey images (N, H, W), images and volumes. What
has three axes is images there, and signals with NCL or NLC."""


def layout_of(name: str, where: str) -> Layout:
    """A layout by its name; DataError if there is none."""
    if name not in LAYOUTS:
        raise DataError(
            f"unknown layout {name!r}.{did_you_mean(str(name), LAYOUTS)}",
            where=where,
            hint=f"allowed: {', '.join(LAYOUTS)}",
        )
    return LAYOUTS[name]


def layout_for(name: str, rank: int) -> str:
    """NCHW and NHWC as the layout of a model's samples (C, …) of that many axes; others
    as they are."""
    if name not in LAYOUTS or LAYOUTS[name].axes is not None:
        return name
    own = (each for each, form in LAYOUTS.items() if form == (rank + 1, name == "NHWC"))
    return next(own, name)


def normalise_x(x: object, where: str, layout: str = "NCHW") -> Array:
    """Bring samples into the neutral form: float, channels first, native byte order.

    A memory map stays one: its axes are reordered as a view, and ``batch_of`` converts
    its values.
    """
    axes, last = layout_of(layout, where)
    array = as_array(x, "x", where)
    if array.ndim not in ((2, 3, 4, 5) if axes is None else (axes - 1, axes)):
        raise DataError(
            f"x has shape {array.shape}",
            where=where,
            hint="allowed: (N, C, H, W), (N, H, W), (N, C, D, H, W) or (N, features); "
            "(N, C, L) with the layout NCL"
            if axes is None
            else f"the layout {layout} has {axes} axes, or {axes - 1} without channels",
        )
    if array.ndim == (3 if axes is None else axes - 1):
        array = array[:, None]  # one channel, without an axis of its own
    elif array.ndim > 2 and last:
        array = np.moveaxis(array, -1, 1)
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
    y: object, x: Array, where: str, layout: str = "NCHW", ignored: int | None = None
) -> Array:
    """Targets for samples in the neutral form, channels first: labels to int64, numbers
    to a native float, and 0 or 1 for each of several labels to float32; anything else
    unchanged."""
    array = as_array(y, "y", where)
    if array.dtype.kind == "b":
        array = array.astype(np.int64)
    if layout_of(layout, where).last and array.ndim > 2 and x.ndim in (2, array.ndim):
        array = np.moveaxis(array, -1, 1)
    if array.ndim and array.dtype.kind in "iu":
        array = labels_of(array, x)
    if array.dtype.kind == "f" and array.dtype.itemsize <= 8:
        if 2 < array.ndim < x.ndim and array.shape[1:] == x.shape[2:]:
            array = array[:, None]  # images of one channel, without an axis of its own
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


def labels_of(array: Array, x: Array) -> Array:
    """Integers as class labels (N,), or (N, H, W) for the pixels of samples (N, C, H, W);
    if they are neither, but all 0 or 1, as numbers for several labels, float32.

    An axis of one channel is left out. For signals (N, C, L), integers (N, L) are labels
    of each position.
    """
    channels = array.ndim == 2 or array.ndim == x.ndim > 2
    if channels and array.shape[1] == 1:
        return array[:, 0]
    positions = array.ndim == x.ndim - 1 > 1 and (
        array.ndim > 2 or array.shape[1] == x.shape[2]
    )
    if channels and not positions and array.size and all(is_binary(array)):
        return array.astype(np.float32)
    return array


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

    - ``x``: features (N, F), images (N, C, H, W) or (N, H, W), signals (N, C, L), volumes
      (N, C, D, H, W): uint8, which means x / 255, or floats.
    - ``y``: integer class labels (N,) or (N, 1), labels of pixels (N, H, W), 0 or 1 for
      each of several labels (N, K), or floats: regression targets (N,) or (N, K), images
      (N, K, H, W), or probabilities of classes.
    - ``layout``: the order of the axes of x, and of targets with channels. "NHWC" says
      that channels come last. "NCL" or "NLC" is for signals (three axes are grey images
      otherwise); "NCDHW" or "NDHWC" for volumes, which may leave out one channel.
    - ``weights``: the sample weights of the training data (N,).
    - ``ignore_index``: the label that marks what is not to be counted, as 255 or -1; it
      need not be a class. The loss has to have the same one.
    - ``x_val``, ``y_val``: the samples to validate on after each epoch. Test data are for
      ``evaluate``.

    Memory maps stay memory maps.
    """
    ignored = check_ignore_index(ignore_index, name)
    where = f"{name}, train"
    samples = normalise_x(x, where, layout)
    train = samples, normalise_y(y, samples, where, layout, ignored)
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
            samples = normalise_x(a, where, layout)
            held_out[part] = samples, normalise_y(b, samples, where, layout, ignored)
    sample_weights = None
    if weights is not None:
        sample_weights = as_array(weights, "weights", f"{name}, train")
    return build(
        name, train, held_out["test"], classes, source, sample_weights, ignored,
        held_out["validation"],
    )  # fmt: skip
