"""Synthetic data of any shape: seeded and learnable.

- Classification: each class has a coarse pattern, and a sample is its class's pattern with
  noise.
- Segmentation: boxes of the classes from 1 on, two in each sample, lie on class 0. Each
  class has a colour; a sample is the colours of its labels (N, H, W) with noise.
- Multi-label: each label has a coarse pattern, and a sample the sum of its labels' with
  noise. The targets (N, labels) are 0 or 1, each equally likely.
- Regression: the targets are a fixed linear map of uniform inputs, with noise (a matrix
  product, so their last bit may depend on the machine's BLAS).
- Image to image: the targets are coarse patterns, and the samples these with noise.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, SupportsIndex

import numpy as np

from polyframe.data.dataset import Dataset, Split, build
from polyframe.errors import DataError, did_you_mean
from polyframe.io.array import Array
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses import Loss

NAME = "synthetic"
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
    """``kind`` is "classification" (the default), "segmentation", "multi-label",
    "regression" or "image-to-image"; ``classes`` the number of classes or labels.
    ``targets`` (or kind="regression") makes float targets (N, targets)."""
    sizes = _shape(shape)
    seed = _integer("seed", seed, 0, 2**64 - 1)
    train = _integer("train", train, 1)
    test = _integer("test", test, 0)
    validation = _integer("validation", validation, 0)
    kind = _kind(kind, targets)
    make, dense, named = KINDS[kind]
    if dense and len(sizes) == 1:
        raise DataError(
            f"a sample of shape {sizes} has no pixels",
            where=NAME,
            hint=f"kind={kind!r} is for shapes (C, H, W), (C, L) and (C, D, H, W)",
        )
    outputs = (
        _integer("targets", 1 if targets is None else targets, 1)
        if kind == "regression"
        else _integer("classes", classes, 1 if kind == "multi-label" else 2)
    )
    _check_size(sizes, train + validation + test, outputs, kind)
    parts = [
        make(sizes, count, outputs, seed, purpose) if count else None
        for count, purpose in ((test, TEST), (validation, VALIDATION))
    ]
    return build(
        NAME,
        make(sizes, train, outputs, seed, TRAIN),
        parts[0],
        tuple(map(str, range(outputs))) if named else (),
        f"generated from seed {seed}",
        validation=parts[1],
    )


def options_for(
    given: Mapping[str, Any], loss: Loss, x: Shape, y: Shape
) -> dict[str, Any]:
    """Options that make data for a model of samples ``x`` with outputs ``y``, and for that
    loss, where ``given`` does not say otherwise."""
    kind = given.get("kind") or (
        "regression" if "targets" in given else kind_for(loss, x, y)
    )
    count = {
        "classification": {"classes": max(y[0], 2)},
        "segmentation": {"classes": max(y[0], 2)},
        "multi-label": {"classes": math.prod(y)},
        "regression": {"targets": math.prod(y)},
    }
    return {"shape": list(x), "kind": kind, **count.get(kind, {}), **given}


def kind_for(loss: Loss, x: Shape, y: Shape) -> str:
    """The kind of data for a model of samples ``x`` with outputs ``y``, and for that loss.
    An output of one channel decides between two classes."""
    dense = len(y) > 1 and len(x) > 1
    numbers = loss.domain == "from 0 to 1"
    if loss.labels or (numbers and dense and y[0] == 1):
        return "segmentation" if dense else "classification"
    if numbers and not dense:
        return "multi-label"
    return "image-to-image" if dense and x == y else "regression"


def _random(seed: int, purpose: int) -> np.random.Generator:
    key = np.array([seed, purpose], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def _classification(
    shape: tuple[int, ...], count: int, classes: int, seed: int, purpose: int
) -> Split:
    patterns = _patterns(shape, classes, _random(seed, PATTERNS))
    rng = _random(seed, purpose)
    y = rng.permutation(np.arange(count, dtype=np.int64) % classes)
    return _noisy(patterns[y], rng), y


def _patterns(shape: tuple[int, ...], classes: int, rng: np.random.Generator) -> Array:
    if len(shape) == 1:
        return rng.random((classes, *shape), dtype=np.float32)
    # At most 4 × 4 cells of one colour each: a pattern that convolution and pooling keep.
    channels, *sides = shape
    counts = [min(4, side) for side in sides]
    cells = rng.random((classes, channels, *counts), dtype=np.float32)
    at = [
        np.arange(side) * count // side
        for side, count in zip(sides, counts, strict=True)
    ]
    for axis, index in enumerate(at, 2):
        cells = np.take(cells, index, axis)
    return cells


def _noisy(clean: Array, rng: np.random.Generator) -> Array:
    """Values from 0 to 1 with noise, still from 0 to 1."""
    x = rng.standard_normal(clean.shape, dtype=np.float32)
    x *= np.float32(NOISE)
    x += clean
    return np.clip(x, 0, 1, out=x)


def _segmentation(
    shape: tuple[int, ...], count: int, classes: int, seed: int, purpose: int
) -> Split:
    channels, *sides = shape
    rng = _random(seed, PATTERNS)
    # In each channel the classes have evenly spread values, so that no two are alike.
    order = np.stack([rng.permutation(classes) for _ in range(channels)], axis=1)
    colours = ((order + 0.5) / classes).astype(np.float32)
    rng = _random(seed, purpose)
    y = np.zeros((count, *sides), np.int64)
    each = (count, *[1] * len(sides))
    for _ in range(2):
        inside = np.ones(each, bool)
        for axis, side in enumerate(sides):
            extent = rng.integers(-(-side // 4), -(-side // 2) + 1, each)
            low = np.floor(rng.random(each) * (side - extent + 1))
            at = np.arange(side).reshape(-1, *[1] * (len(sides) - 1 - axis))
            inside = inside & (at >= low) & (at < low + extent)
        label = 1 + rng.permutation(np.arange(count) % (classes - 1))
        y = np.where(inside, label.reshape(each), y)
    return _noisy(np.moveaxis(colours[y], -1, 1), rng), y


def _multi_label(
    shape: tuple[int, ...], count: int, labels: int, seed: int, purpose: int
) -> Split:
    patterns = _patterns(shape, labels, _random(seed, PATTERNS)) - np.float32(0.5)
    rng = _random(seed, purpose)
    y = rng.integers(0, 2, (count, labels)).astype(np.float32)
    x = np.full((count, *shape), 0.5, np.float32)
    signs = (2 * y - 1).reshape(count, labels, *[1] * len(shape))
    for label in range(labels):  # added one after the other: no BLAS, the same bits
        x += signs[:, label] * patterns[label] * np.float32(1 / math.sqrt(labels))
    return _noisy(x, rng), y


def _image_to_image(
    shape: tuple[int, ...], count: int, classes: int, seed: int, purpose: int
) -> Split:
    rng = _random(seed, purpose)
    y = _patterns(shape, count, rng)
    return _noisy(y, rng), y


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
    if not 1 <= len(sizes) <= 4:
        raise DataError(
            f"shape is {shape!r}",
            where=NAME,
            hint="allowed: (C, H, W) or (features,), (C, L), (C, D, H, W)",
        )
    return tuple(_integer("a size in shape", size, 1) for size in sizes)


Make = Callable[[tuple[int, ...], int, int, int, int], Split]
KINDS: dict[str, tuple[Make, bool, bool]] = {
    "classification": (_classification, False, True),
    "segmentation": (_segmentation, True, True),
    "multi-label": (_multi_label, False, True),
    "regression": (_regression, False, False),
    "image-to-image": (_image_to_image, True, False),
}
"""Kind → what makes a split of it, whether it needs pixels, whether ``classes`` count."""


def _kind(kind: str | None, targets: int | None) -> str:
    if kind is None:
        return "classification" if targets is None else "regression"
    if kind not in KINDS:
        raise DataError(
            f"unknown kind {kind!r}.{did_you_mean(str(kind), KINDS)}",
            where=NAME,
            hint=f"allowed: {', '.join(KINDS)}",
        )
    if kind != "regression" and targets is not None:
        raise DataError(
            f"targets={targets!r} is given with kind={kind!r}",
            where=NAME,
            hint="targets is for kind='regression'; others have classes",
        )
    return kind


def _check_size(shape: tuple[int, ...], samples: int, outputs: int, kind: str) -> None:
    # Python integers: no overflow, and nothing is allocated before this has passed.
    features, pixels = math.prod(shape), math.prod(shape[1:])
    y = {  # bytes a sample: int64 labels, float32 targets
        "classification": 8,
        "segmentation": 8 * pixels,
        "image-to-image": 4 * features,
    }.get(kind, 4 * outputs)
    need = samples * (4 * features + y) + 4 * features * outputs
    if need > MAX_BYTES:
        what = "targets" if kind == "regression" else "classes"
        raise DataError(
            f"{samples:,} samples of shape {shape} with {outputs:,} {what} take "
            f"{need / 2**30:,.1f} GiB",
            where=NAME,
            hint=f"allowed: up to {MAX_BYTES / 2**30:.0f} GiB; take fewer or smaller "
            "samples",
        )
