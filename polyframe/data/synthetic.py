"""Synthetic data of any shape: seeded and learnable.

Classification: each class has a coarse pattern, and a sample is its class's pattern with
noise. Regression: the targets are a fixed linear map of uniform inputs, with noise (a
matrix product, so their last bit may depend on the machine's BLAS).
"""

from __future__ import annotations

import math
import operator
from typing import SupportsIndex

import numpy as np

from polyframe.data.dataset import Dataset, Split, build
from polyframe.errors import DataError, did_you_mean
from polyframe.io.array import Array

NAME = "synthetic"
KINDS = ("classification", "regression")
MAX_BYTES = 2 << 30
NOISE = 0.15
# One random stream per purpose, so that the training set stays as it is when the size of
# the test set changes.
PATTERNS, TRAIN, TEST, VALIDATION = 0, 1, 2, 3


def load(
    *,
    shape: object = (3, 32, 32),
    classes: int = 10,
    train: int = 1024,
    test: int = 256,
    seed: int = 0,
    kind: str | None = None,
    targets: int | None = None,
    validation: int = 0,
) -> Dataset:
    """`targets` (or kind="regression") makes float targets (N, targets), not labels."""
    sizes = _shape(shape)
    seed = _integer("seed", seed, 0, 2**64 - 1)
    train = _integer("train", train, 1)
    test = _integer("test", test, 0)
    validation = _integer("validation", validation, 0)
    regression = _kind(kind, targets) == "regression"
    outputs = (
        _integer("targets", 1 if targets is None else targets, 1)
        if regression
        else _integer("classes", classes, 2)
    )
    _check_size(sizes, train + validation + test, outputs, regression)
    make = _regression if regression else _classification
    parts = [
        make(sizes, count, outputs, seed, purpose) if count else None
        for count, purpose in ((test, TEST), (validation, VALIDATION))
    ]
    return build(
        NAME,
        make(sizes, train, outputs, seed, TRAIN),
        parts[0],
        () if regression else tuple(map(str, range(outputs))),
        f"generated from seed {seed}",
        validation=parts[1],
    )


def _random(seed: int, purpose: int) -> np.random.Generator:
    key = np.array([seed, purpose], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def _classification(
    shape: tuple[int, ...], count: int, classes: int, seed: int, purpose: int
) -> Split:
    patterns = _patterns(shape, classes, _random(seed, PATTERNS))
    rng = _random(seed, purpose)
    y = rng.permutation(np.arange(count, dtype=np.int64) % classes)
    x = rng.standard_normal((count, *shape), dtype=np.float32)
    x *= np.float32(NOISE)
    x += patterns[y]
    return np.clip(x, 0, 1, out=x), y


def _patterns(shape: tuple[int, ...], classes: int, rng: np.random.Generator) -> Array:
    if len(shape) == 1:
        return rng.random((classes, *shape), dtype=np.float32)
    # At most 4 × 4 cells of one colour each: a pattern that convolution and pooling keep.
    channels, height, width = shape
    rows, columns = min(4, height), min(4, width)
    cells = rng.random((classes, channels, rows, columns), dtype=np.float32)
    row = np.arange(height) * rows // height
    column = np.arange(width) * columns // width
    return cells[:, :, row[:, None], column]


def _regression(
    shape: tuple[int, ...], count: int, targets: int, seed: int, purpose: int
) -> Split:
    features = math.prod(shape)
    # Scaled so that each target has variance 1: a uniform input has variance 1/12.
    scale = np.float32(math.sqrt(12 / features))
    matrix = _random(seed, PATTERNS).standard_normal((features, targets), np.float32)
    rng = _random(seed, purpose)
    x = rng.random((count, *shape), dtype=np.float32)
    y = (x.reshape(count, -1) - np.float32(0.5)) @ (matrix * scale)
    y += np.float32(0.05) * rng.standard_normal(y.shape, dtype=np.float32)
    return x, y


def _integer(name: str, value: object, low: int, high: int | None = None) -> int:
    try:
        number = operator.index(value) if isinstance(value, SupportsIndex) else low - 1
    except TypeError:
        number = low - 1
    if isinstance(value, bool) or number < low or (high is not None and number > high):
        span = f"{low} or more" if high is None else f"{low}..{high}"
        raise DataError(
            f"{name} is {value!r}", where=NAME, hint=f"allowed: an integer, {span}"
        )
    return number


def _shape(shape: object) -> tuple[int, ...]:
    sizes = tuple(shape) if isinstance(shape, list | tuple) else (shape,)
    if len(sizes) not in (1, 3):
        raise DataError(
            f"shape is {shape!r}", where=NAME, hint="allowed: (C, H, W) or (features,)"
        )
    return tuple(_integer("a size in shape", size, 1) for size in sizes)


def _kind(kind: str | None, targets: int | None) -> str:
    if kind is None:
        return KINDS[0] if targets is None else KINDS[1]
    if kind not in KINDS:
        raise DataError(
            f"unknown kind {kind!r}.{did_you_mean(str(kind), KINDS)}",
            where=NAME,
            hint=f"allowed: {', '.join(KINDS)}",
        )
    if kind == KINDS[0] and targets is not None:
        raise DataError(
            f"targets={targets!r} is given with kind={kind!r}",
            where=NAME,
            hint="targets is for kind='regression'; classification has classes",
        )
    return kind


def _check_size(
    shape: tuple[int, ...], samples: int, outputs: int, regression: bool
) -> None:
    # Python integers: no overflow, and nothing is allocated before this has passed.
    features = math.prod(shape)
    y = 4 * outputs if regression else 8  # bytes a sample: float32 targets, int64 label
    need = samples * (4 * features + y) + 4 * features * outputs
    if need > MAX_BYTES:
        what = "targets" if regression else "classes"
        raise DataError(
            f"{samples:,} samples of shape {shape} with {outputs:,} {what} take "
            f"{need / 2**30:,.1f} GiB",
            where=NAME,
            hint=f"allowed: up to {MAX_BYTES / 2**30:.0f} GiB; take fewer or smaller "
            "samples",
        )
