"""Arrays for a model: checked once, then cut into batches."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from polyframe.data.rows import as_floats
from polyframe.errors import DataError, brief
from polyframe.io.array import Array
from polyframe.spec.fields import Int, checked
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses.targets import finite

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Data: TypeAlias = "ArrayLike | Sequence[ArrayLike]"
"""What users give: an array (or what NumPy makes an array of), or a sequence of arrays,
one for each input or output."""


def sequence(value: Data | None, count: int, what: str) -> list[Array]:
    """One array per input or output."""
    several = isinstance(value, (list, tuple)) and count > 1
    items: list[Any] = list(value) if several else [value]  # type: ignore[arg-type]
    if len(items) != count:
        raise DataError(f"got {len(items)} arrays, the model takes {count}", where=what)
    arrays = []
    for item in items:
        try:
            array = np.asarray(item)
        except ValueError as error:
            raise DataError(f"is not an array: {error}", where=what) from None
        if array.dtype.kind not in "fiub":
            raise DataError(f"holds {array.dtype}, not numbers", where=what)
        arrays.append(array)
    return arrays


def as_one(arrays: Sequence[Array]) -> Any:
    """Arrays as ``predict`` takes them: one array alone, or a list."""
    return arrays if len(arrays) > 1 else arrays[0]


def as_list(arrays: Array | Sequence[Array]) -> list[Array]:
    """A list of arrays, of one for an array alone."""
    return [arrays] if isinstance(arrays, np.ndarray) else list(arrays)


def prepare(
    inputs: Sequence[tuple[str, Shape]], x: Data, dtype: str, layout: str
) -> list[Array]:
    """The inputs in the model's dtype and in (N, C, H, W), their shapes checked. Bytes
    (uint8) count as x / 255, as in data sets."""
    arrays = [
        channels_first(array, shape, layout)
        for array, (_, shape) in zip(sequence(x, len(inputs), "x"), inputs, strict=True)
    ]
    check_inputs(inputs, arrays)
    return [
        finite(np.ascontiguousarray(scaled(array), dtype), f"x ({name})")
        for (name, _), array in zip(inputs, arrays, strict=True)
    ]


def scaled(array: Array) -> Array:
    """Bytes as float32 x / 255; other numbers as they are."""
    return as_floats(array) if array.dtype == np.uint8 else array


def channels_first(array: Array, shape: Shape, layout: str) -> Array:
    """Samples or targets of that shape, (C, …), as (N, C, …): with the layout "NHWC" the
    last axis is the channels', whatever the number of axes.

    What has no axis of channels stays: features (N, K) and labels (N, H, W).
    """
    if layout not in ("NCHW", "NHWC"):
        raise DataError(f"layout is {brief(layout)}; 'NCHW' or 'NHWC' is needed")
    if layout == "NHWC" and len(shape) > 1 and array.ndim == len(shape) + 1:
        return np.moveaxis(array, -1, 1)
    return array


def check_inputs(inputs: Sequence[tuple[str, Shape]], arrays: Sequence[Array]) -> None:
    """DataError unless there are samples of the model's shapes."""
    for (name, shape), array in zip(inputs, arrays, strict=True):
        where = f"x ({name})"
        if array.shape[1:] != shape or array.ndim == 0:
            hint = None
            if channels_last(array.shape[1:], shape):
                hint = 'layout="NHWC" says that channels come last'
            elif array.shape == shape:
                hint = "one sample? x[None] makes a batch of it"
            elif len(shape) == 3 and array.ndim == 4:
                channels, height, width = shape
                hint = (
                    "the model's input_shape says what it takes; images in files become "
                    f"that with size=[{height}, {width}], channels={channels}"
                )
            raise DataError(
                f"is {array.shape}; (N, {', '.join(map(str, shape))}) is needed",
                where=where,
                hint=hint,
            )
        if len(array) == 0:
            raise DataError("has no samples", where=where)
    if len({len(array) for array in arrays}) > 1:
        raise DataError(
            f"inputs differ in length: {[len(a) for a in arrays]}", where="x"
        )


def channels_last(given: Shape, shape: Shape) -> bool:
    """Whether samples of a shape that does not fit (C, …) look like (…, C)."""
    if len(given) != len(shape) or len(shape) < 2 or given[-1] != shape[0]:
        return False
    image = len(shape) == 3  # of another size, perhaps
    return given[:-1] == shape[1:] or (image and given[0] != shape[0])


def check_sample_weight(value: Data | None, count: int) -> Array | None:
    """Sample weights as float64 (N,), none negative, not all 0."""
    if value is None:
        return None
    array = sequence(value, 1, "sample_weight")[0]
    if array.shape != (count,):
        raise DataError(
            f"is {array.shape}; one for each sample, ({count},), is needed",
            where="sample_weight",
        )
    array = finite(array.astype(np.float64), "sample_weight")
    if (array < 0).any():
        sample = int((array < 0).argmax())
        raise DataError(f"sample {sample} has a negative one", where="sample_weight")
    if not array.any():
        raise DataError("all are 0", where="sample_weight")
    return array


class Batches:
    """Arrays of one length in batches, in order or in a given order, which may be of some
    of the rows only.

    ``cut`` takes rows out of an array, given a slice or an array of their numbers.
    """

    def __init__(
        self,
        arrays: Sequence[Array],
        batch_size: int,
        order: Array | None = None,
        cut: Callable[[Array, Any], Array] | None = None,
    ) -> None:
        self.size = checked("batch_size", Int(), batch_size, DataError)
        self.arrays, self.order = arrays, order
        self.cut = cut or operator.getitem

    def __len__(self) -> int:
        rows = self.arrays[0] if self.order is None else self.order
        return -(-len(rows) // self.size)

    def __getitem__(self, index: int) -> list[Array]:
        if not 0 <= index < len(self):
            raise IndexError(index)
        part: Any = slice(index * self.size, (index + 1) * self.size)
        if self.order is not None:
            part = self.order[part]
        return [self.cut(array, part) for array in self.arrays]

    def __iter__(self) -> Iterator[list[Array]]:
        return (self[index] for index in range(len(self)))
