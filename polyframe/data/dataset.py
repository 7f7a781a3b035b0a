"""What a data set is, and the checks that every data set passes.

All loaders end in :func:`build`, so a wrong label or a NaN causes the same error whatever
its source.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from polyframe.data.tasks import is_binary, task_of
from polyframe.errors import DataError, brief
from polyframe.io.array import Array
from polyframe.spec.losses.targets import sample_of

Split = tuple[Array, Array]

PIECE = 1 << 22
"""Bytes that a check reads at a time, so that a memory map is never read as a whole."""


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Samples and targets in the neutral layout, in memory or as memory maps.

    x is (N, C, H, W), (N, features), signals (N, C, L) or volumes (N, C, D, H, W): floats,
    or bytes that mean x / 255 (``batch_of`` returns floats for both). y is int64 labels,
    (N,) or of pixels (N, H, W), or float targets; ``task`` says what they are for.
    ``weights`` are the sample weights of the training data: (N,) float32, 0 or
    more. ``ignore_index`` is the label that marks what is not to be counted; it may lie
    outside the classes, and the loss has to have the same one. Training looks at
    ``validation`` after each epoch, and never at ``test``.
    """

    name: str
    train: Split
    test: Split | None
    classes: tuple[str, ...]  # names of classes or labels; () without any
    source: str  # where it came from, for people
    weights: Array | None = None  # None: all samples have the same weight
    ignore_index: int | None = None  # None: all labels count
    validation: Split | None = None  # None: no part of its own

    @property
    def evaluated(self) -> tuple[str, Split]:
        """The part that ``evaluate`` takes, and its name: test, or else validation, or
        else train."""
        parts = {"test": self.test, "validation": self.validation}
        known = ((name, part) for name, part in parts.items() if part is not None)
        return next(known, ("train", self.train))

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one sample, without the batch axis."""
        return tuple(self.train[0].shape[1:])

    @property
    def task(self) -> str:
        """What the targets are for, as they tell (``data.tasks``): "classification",
        "segmentation", "multi-label", "regression", "image-to-image", …"""
        return task_of(*self.train)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape, per sample, of a model's outputs for the targets: as many numbers (or
        channels) as classes, where the targets are class labels."""
        y = self.train[1]
        if y.dtype.kind == "f":
            return y.shape[1:] or (1,)
        return (max(self.num_classes or 0, 2), *y.shape[1:])

    @property
    def num_classes(self) -> int | None:
        """The number of classes; None where the targets are numbers."""
        if self.train[1].dtype.kind == "f":
            return None
        if self.classes:
            return len(self.classes)
        splits = (self.train, self.validation, self.test)
        labels = (part[1][self.counts(part[1])] for part in splits if part is not None)
        return 1 + max(int(each.max(initial=-1)) for each in labels)

    def counts(self, y: Array) -> Array:
        """Which labels count, as an array of booleans of the same shape."""
        out: Array = np.ones(y.shape, bool)
        if self.ignore_index is not None:
            out = y != self.ignore_index
        return out

    def __repr__(self) -> str:
        held_out = {"validation": self.validation, "test": self.test}
        sizes = (f"{name}={len(part[0])}, " for name, part in held_out.items() if part)
        return (
            f"Dataset({self.name!r}, train={len(self.train[0])}, {''.join(sizes)}"
            f"input_shape={self.input_shape}, num_classes={self.num_classes}, "
            f"source={self.source!r})"
        )


def check(
    x: Array,
    y: Array,
    where: str,
    classes: int | None = None,
    ignored: int | None = None,
) -> None:
    """DataError if (x, y) cannot be used for training; labels may also be ``ignored``."""
    if x.ndim < 2:
        raise DataError(
            f"x has shape {x.shape}",
            where=where,
            hint="x needs a batch axis: (N, C, H, W), (N, H, W) or (N, features)",
        )
    if y.ndim < 1:
        raise DataError("y is a single number", where=where, hint="y must be (N,)")
    if len(x) != len(y):
        raise DataError(
            f"x holds {len(x)} samples but y holds {len(y)}",
            where=where,
            hint="x and y need one entry for each sample",
        )
    if x.size == 0 or y.size == 0:
        raise DataError(
            f"the set is empty: x has shape {x.shape} and y {y.shape}",
            where=where,
            hint="at least one sample with at least one value is needed",
        )
    _check_finite(x, "x", where)
    if y.dtype.kind == "f":
        named = y.ndim > 1 and y.shape[1] == classes and all(is_binary(y))
        if classes and not named:
            raise DataError(
                f"y is {y.dtype}, but {classes} classes are named",
                where=where,
                hint="give integer labels, or 0 and 1 for each of them; name no classes "
                "for a regression",
            )
        _check_finite(y, "y", where)
    else:
        if y.ndim not in (1, x.ndim - 1):
            raise DataError(
                f"integer labels have shape {y.shape}, not (N,)",
                where=where,
                hint="floats are for a regression; 0 and 1, (N, labels), for several "
                "labels a sample",
            )
        check_labels(y, where, classes, ignored)


def _check_finite(values: Array, key: str, where: str) -> None:
    if values.dtype.kind != "f":
        return
    for first, piece in pieces(values):
        finite = np.isfinite(piece)
        if finite.all():
            continue
        sample = first + int(finite.reshape(len(piece), -1).all(axis=1).argmin())
        raise DataError(
            f"{key} holds NaN or infinity, first at sample {sample}",
            where=where,
            hint="remove or repair such samples: one of them spoils every weight",
        )


def pieces(array: Array) -> Iterator[tuple[int, Array]]:
    """The rows in pieces, each with the number of its first row."""
    step = max(1, PIECE * len(array) // max(1, array.nbytes))
    for first in range(0, len(array), step):
        yield first, array[first : first + step]


def check_labels(
    y: Array, where: str, classes: int | None, ignored: int | None = None
) -> None:
    """DataError unless y holds integers from 0 on, below ``classes``, or ``ignored``."""
    if y.dtype.kind not in "iu":
        raise DataError(
            f"y is of type {y.dtype}",
            where=where,
            hint="allowed: integers for class labels, floats for regression",
        )
    bad = y < 0 if classes is None else (y < 0) | (y >= classes)
    if ignored is not None:
        bad &= y != ignored
    if bad.any():
        sample = sample_of(bad)
        span = "0, 1, 2, …" if classes is None else f"0..{classes - 1}"
        spared = "" if ignored is None else f" and not the ignore_index {ignored}"
        raise DataError(
            f"label {y[bad][0]} at sample {sample} is outside {span}{spared}",
            where=where,
            hint="labels count the classes from 0",
        )


def check_weights(weights: Array, count: int, where: str) -> Array:
    """``count`` sample weights in float32; DataError if they are not valid."""
    if weights.dtype.kind not in "fiu" or weights.shape != (count,):
        raise DataError(
            f"the weights are {weights.dtype} {weights.shape}; "
            f"numbers ({count},) are needed",
            where=where,
            hint="one weight for each training sample",
        )
    with np.errstate(over="ignore"):
        converted = weights.astype(np.float32)
    bad = ~(np.isfinite(converted) & (converted >= 0))
    if bad.any():
        sample = int(bad.argmax())
        raise DataError(
            f"weight {weights[sample]} at sample {sample} is not allowed",
            where=where,
            hint="a weight is a finite number, 0 or more",
        )
    if not converted.any():
        raise DataError(
            "all weights are 0", where=where, hint="nothing could be learnt"
        )
    return converted


def build(
    name: str,
    train: Split,
    test: Split | None,
    classes: Sequence[str] = (),
    source: str = "arrays",
    weights: Array | None = None,
    ignore_index: int | None = None,
    validation: Split | None = None,
) -> Dataset:
    """Check the parts and the sample weights, and build the data set."""
    ignored = check_ignore_index(ignore_index, name)
    if not all(isinstance(each, str) for each in classes):
        raise DataError(
            f"classes is {brief(classes)}",
            where=name,
            hint="allowed: a list of texts, the names of the classes",
        )
    count = len(classes) or None
    check(*train, f"{name}, train", count, ignored)
    for part, held_out in (("validation", validation), ("test", test)):
        if held_out is None:
            continue
        check(*held_out, f"{name}, {part}", count, ignored)
        for key, a, b in zip("xy", train, held_out, strict=True):
            if a.shape[1:] != b.shape[1:] or a.dtype != b.dtype:
                raise DataError(
                    f"{key} is {a.dtype} {a.shape[1:]} a sample in train, "
                    f"but {b.dtype} {b.shape[1:]} in {part}",
                    where=name,
                    hint="both splits must have the same sample shape and type",
                )
    if weights is not None:
        weights = check_weights(weights, len(train[0]), f"{name}, train")
    return Dataset(
        name, train, test, tuple(classes), source, weights, ignored, validation
    )


def check_ignore_index(value: object, where: str) -> int | None:
    """A label, or None; DataError for anything else."""
    if value is None:
        return None
    is_integer = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not is_integer or not -(2**31) <= value < 2**31:  # type: ignore[operator]
        raise DataError(
            f"ignore_index is {brief(value)}",
            where=where,
            hint="allowed: a whole number of 32 bits",
        )
    return int(value)  # type: ignore[call-overload, no-any-return]


def scale_bytes(x: Array) -> Array:
    """uint8 0..255 to float32 0..1, correctly rounded, in one pass."""
    return np.divide(x, np.float32(255), dtype=np.float32)
