"""Augmentations: what is done to a batch before the model sees it, in NumPy.

Samples are (N, C, H, W) or (N, features), floats. Augmentations are applied in the order
of the recipe, and what pads or cuts out fills with 0 in the scale of that moment: after
``normalize`` that is the mean, before it black. All randomness comes in as uniform 32-bit
words, some for each sample.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.element import Element, define
from polyframe.spec.field_types import As, OptionalFloats
from polyframe.spec.fields import Float, Int, Maybe, Several, Sizes, field

Shape = tuple[int, ...]
Batch = tuple[Array, Array]

CHUNK = 1 << 22
"""Bytes of training data that are looked at in one go."""
CONSTANT = 1e-12
"""A channel that varies less than this is taken for constant."""


class Augmentation(Element, family="augmentation"):
    """The base of all augmentations: frozen data, and what they do in NumPy."""

    always: ClassVar[bool] = False  # at evaluation and prediction too
    soft: ClassVar[bool] = False  # targets leave as probabilities (N, K)
    joint: ClassVar[bool] = False  # mixes a batch's samples; all rows of bits are alike
    words: ClassVar[int] = 0  # uniform 32-bit words that one sample takes

    def check(self, shape: Shape, classes: int | None) -> None:
        """SpecError unless samples of that shape, with that many classes, fit."""

    def resolved(self, x: Array) -> Self:
        """This augmentation with what it has to know of the training samples."""
        return self

    def apply(self, x: Array, y: Array, bits: Array, classes: int | None) -> Batch:
        """The batch (x, y) augmented; neither is written to, and x keeps its dtype.

        ``y`` is labels (N,) or targets, ``bits`` uint32 (N, words).
        """
        raise NotImplementedError

    def needs_images(self, shape: Shape) -> None:
        """SpecError unless samples are (C, H, W)."""
        if len(shape) != 3:
            raise SpecError(
                f"takes images (C, H, W), and a sample is {shape}", where=self.label
            )

    def needs_classes(self, classes: int | None) -> int:
        """The number of classes; SpecError where targets are numbers."""
        if classes is None:
            raise SpecError(
                "takes class labels, and the targets are numbers", where=self.label
            )
        return classes


def below(bits: Array, count: int) -> Array:
    """Whole numbers from 0 to ``count - 1`` from uniform 32-bit words.

    The top bits of a product (Lemire 2019, "Fast random integer generation in an
    interval", without the rejection): off by less than count / 2³² from uniform.
    """
    high_words: Array = bits.astype(np.uint64) * np.uint64(count) >> np.uint64(32)
    return high_words.astype(np.int64)


def probabilities(y: Array, classes: int | None, dtype: npt.DTypeLike) -> Array:
    """Labels (N,) as one-hot rows (N, K); what is probabilities already stays."""
    if y.ndim == 2:
        return y
    assert classes is not None  # check() has seen to it
    rows = np.zeros((len(y), classes), dtype)
    rows[np.arange(len(y)), y] = 1
    return rows


def mixed(a: Array, share: float) -> Array:
    """``share · a + (1 - share) · a reversed``, in the dtype of ``a``."""
    mix: Array = a * a.dtype.type(share)
    mix += a[::-1] * a.dtype.type(1 - share)
    return mix


def inside(centre: Array, size: int, length: int) -> Array:
    """Which of 0 … length-1 lie in the ``size`` positions around each centre: (N, length).

    An even size reaches one position further to the left.
    """
    low = centre - size // 2
    at = np.arange(length)
    return (at >= low[:, None]) & (at < low[:, None] + size)


@define
class RandomCrop(Augmentation):
    """Zeros around the image, then a crop of its old size from anywhere.

    As in He et al. 2016, section 4.2. ``padding`` is rows and columns on each side; all
    ``2 · padding + 1`` offsets are equally likely in each direction.
    """

    word = "random_crop"
    words = 2
    padding: As[int | Sequence[int], tuple[int, int]] = field(
        Sizes(2, 0), default=(4, 4)
    )

    def check(self, shape: Shape, classes: int | None) -> None:
        self.needs_images(shape)
        for padding, size in zip(self.padding, shape[1:], strict=True):
            if padding > size:
                raise SpecError(
                    f"padding {padding} is more than the image's size {size}",
                    where=self.label,
                    hint="some crops would show nothing of the image",
                )

    def apply(self, x: Array, y: Array, bits: Array, classes: int | None) -> Batch:
        (n, channels, height, width), (top, left) = x.shape, self.padding
        wide = np.zeros((n, channels, height + 2 * top, width + 2 * left), x.dtype)
        wide[:, :, top : top + height, left : left + width] = x
        # Every window of every image, as a view; one index picks one of each.
        windows = sliding_window_view(  # NumPy 1.26 types axis too narrowly
            wide,
            (height, width),
            (2, 3),  # type: ignore[call-overload]
        )
        row, column = below(bits[:, 0], 2 * top + 1), below(bits[:, 1], 2 * left + 1)
        return windows[np.arange(n), :, row, column], y


@define
class RandomFlip(Augmentation):
    """Left and right exchanged, with probability ``p`` for each image."""

    word = "random_flip"
    words = 1
    p: float = field(Float(0.0, 1.0), default=0.5)

    def check(self, shape: Shape, classes: int | None) -> None:
        self.needs_images(shape)

    def apply(self, x: Array, y: Array, bits: Array, classes: int | None) -> Batch:
        chosen = bits[:, 0] < np.uint64(round(self.p * 2**32))
        out = x.copy()
        out[chosen] = x[chosen][..., ::-1]
        return out, y


@define
class Cutout(Augmentation):
    """A square of zeros, ``size`` pixels wide (DeVries & Taylor 2017, section 3.1).

    Its centre is any pixel, and what sticks out of the image is cut off. The square
    is rows ``c - size // 2`` to ``c - size // 2 + size - 1``, columns likewise.
    """

    word = "cutout"
    words = 2
    size: int = field(Int())

    def check(self, shape: Shape, classes: int | None) -> None:
        self.needs_images(shape)

    def apply(self, x: Array, y: Array, bits: Array, classes: int | None) -> Batch:
        height, width = x.shape[2:]
        rows = inside(below(bits[:, 0], height), self.size, height)
        columns = inside(below(bits[:, 1], width), self.size, width)
        hole = rows[:, None, :, None] & columns[:, None, None, :]
        out = x.copy()
        np.copyto(out, 0, where=hole)
        return out, y


@define
class Normalize(Augmentation):
    """``(x - mean) / std``: one number each, or one for each channel (or feature).

    Left out, both come from the training data: the mean and the standard deviation
    (over N, not N - 1) of each channel, added up in float64. A constant channel counts
    as std 1, as in scikit-learn's StandardScaler.
    """

    word = "normalize"
    always = True
    mean: OptionalFloats = field(
        Maybe(Several(Float(-1e30, 1e30), least=1)), default=None
    )
    std: OptionalFloats = field(
        Maybe(Several(Float(CONSTANT, 1e30), least=1)), default=None
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.mean is None) != (self.std is None):
            raise SpecError(
                "mean and std belong together",
                where=self.label,
                hint="without both, they are computed from the training data",
            )

    def check(self, shape: Shape, classes: int | None) -> None:
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if numbers is not None and len(numbers) not in (1, shape[0]):
                raise SpecError(
                    f"{name} has {len(numbers)} numbers, and a sample {shape} has "
                    f"{shape[0]} channels",
                    where=self.label,
                    hint="one number, or one for each channel",
                )

    def resolved(self, x: Array) -> Normalize:
        """With the numbers of the training samples ``x``; bytes count as x / 255."""
        if self.mean is not None:
            return self
        # Sums of the distance from one value: exactly 0 where a channel is constant,
        # and nothing cancels where the mean is large beside the deviation.
        start = next(values(x[:1]))[0].reshape(x.shape[1], -1)[:, 0]
        first, second = np.zeros(x.shape[1]), np.zeros(x.shape[1])
        for part in values(x):
            apart = part.reshape(len(part), x.shape[1], -1) - start[:, None]
            first += apart.sum(axis=(0, 2))
            second += np.einsum("ncp,ncp->c", apart, apart)
        count = x.size // x.shape[1]
        deviation = np.sqrt(np.maximum(second / count - (first / count) ** 2, 0))
        deviation[deviation < CONSTANT] = 1
        mean = start + first / count
        return replace(self, mean=mean.tolist(), std=deviation.tolist())

    def apply(self, x: Array, y: Array, bits: Array, classes: int | None) -> Batch:
        if self.mean is None or self.std is None:
            raise SpecError(
                "mean and std are not known",
                where=self.label,
                hint="resolved(x_train) computes them",
            )
        shape = (-1,) + (1,) * (x.ndim - 2)
        out = np.subtract(x, np.array(self.mean, x.dtype).reshape(shape))
        np.divide(out, np.array(self.std, x.dtype).reshape(shape), out=out)
        return out, y


def values(x: Array) -> Iterator[Array]:
    """The samples in float64, some at a time, so that a memory map stays one."""
    step = max(1, CHUNK * len(x) // (8 * x.size))
    for low in range(0, len(x), step):
        part = x[low : low + step]
        yield part / 255.0 if part.dtype == np.uint8 else part.astype(np.float64)


@define
class OneHot(Augmentation):
    """Labels as rows of probabilities: 1 at the label, 0 elsewhere."""

    word = "one_hot"
    soft = True

    def check(self, shape: Shape, classes: int | None) -> None:
        self.needs_classes(classes)

    def apply(self, x: Array, y: Array, bits: Array, classes: int | None) -> Batch:
        return x, probabilities(y, classes, x.dtype)


class Mixing(Augmentation):
    """What mixup and cutmix share: one λ ~ Beta(α, α) for a batch, which is mixed with
    itself in reverse order.

    The words seed a generator; they are the same for every sample, so λ depends on the
    seed and the step alone.
    """

    soft = True
    joint = True
    words = 4
    alpha: float

    def check(self, shape: Shape, classes: int | None) -> None:
        self.needs_classes(classes)

    def draw(self, bits: Array) -> tuple[np.random.Generator, float]:
        """The batch's generator, and λ, its first number."""
        key = np.ascontiguousarray(bits[0]).view(np.uint64)
        rng = np.random.Generator(np.random.Philox(key=key))
        return rng, float(rng.beta(self.alpha, self.alpha))


@define
class Mixup(Mixing):
    """Two samples and their labels blended: ``λ · a + (1 - λ) · b`` (Zhang et al. 2018).

    One λ ~ Beta(α, α) for a batch; ``b`` is the batch reversed.
    """

    word = "mixup"
    alpha: float = field(Float(1e-3, 1e3), default=0.2)

    def apply(self, x: Array, y: Array, bits: Array, classes: int | None) -> Batch:
        _, share = self.draw(bits)
        return mixed(x, share), mixed(probabilities(y, classes, x.dtype), share)


@define
class CutMix(Mixing):
    """A box of one image pasted into another, labels by area (Yun et al. 2019).

    λ ~ Beta(α, α) for a batch; the box has ``⌊H √(1-λ)⌋ × ⌊W √(1-λ)⌋`` pixels around
    any pixel, cut off at the border; it is filled from the batch reversed. The labels
    take λ = 1 - (pixels really pasted) / (H · W).
    """

    word = "cutmix"
    alpha: float = field(Float(1e-3, 1e3), default=1.0)

    def check(self, shape: Shape, classes: int | None) -> None:
        super().check(shape, classes)
        self.needs_images(shape)

    def apply(self, x: Array, y: Array, bits: Array, classes: int | None) -> Batch:
        rng, share = self.draw(bits)
        box = [slice(0)] * 2
        for axis, length in enumerate(x.shape[2:]):
            size, centre = int(length * math.sqrt(1 - share)), int(rng.integers(length))
            low = centre - size // 2
            box[axis] = slice(max(low, 0), min(low + size, length))
        out, (rows, columns) = x.copy(), box
        out[:, :, rows, columns] = x[::-1, :, rows, columns]
        pasted = (rows.stop - rows.start) * (columns.stop - columns.start)
        share = 1 - pasted / (x.shape[2] * x.shape[3])
        return out, mixed(probabilities(y, classes, x.dtype), share)
