"""Augmentations that change values where they are; they leave targets alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.augmentations.base import Augmentation, Batch, Shape, below
from polyframe.spec.element import define
from polyframe.spec.field_types import OptionalFloats
from polyframe.spec.fields import Float, Int, Maybe, Several, field

CHUNK = 1 << 22
"""Bytes of training data that are looked at in one go."""
CONSTANT = 1e-12
"""A channel that varies less than this is taken for constant."""


def inside(centre: Array, size: int, length: int) -> Array:
    """Which of 0 … length-1 lie in the ``size`` positions around each centre: (N, length).

    An even size reaches one position further to the left.
    """
    low = centre - size // 2
    at = np.arange(length)
    return (at >= low[:, None]) & (at < low[:, None] + size)


@define
class Cutout(Augmentation):
    """A square of zeros, ``size`` pixels wide (DeVries & Taylor 2017, section 3.1).

    Its centre is any pixel, and what lies outside the image is cut off. The square
    is rows ``c - size // 2`` to ``c - size // 2 + size - 1``, columns likewise. Targets
    that are images keep what lies there.
    """

    word = "cutout"
    words = 2
    size: int = field(Int())

    def check(
        self, shape: Shape, classes: int | None, image: Shape | None = None
    ) -> None:
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
    rescales = True
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

    def check(
        self, shape: Shape, classes: int | None, image: Shape | None = None
    ) -> None:
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
