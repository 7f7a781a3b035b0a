"""Boxes of random size and place: those that are enlarged, and those that are erased."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.augmentations.base import (
    Augmentation,
    Batch,
    Geometric,
    Shape,
    below,
    happens,
    uniform,
)
from polyframe.spec.augmentations.sampling import sampled
from polyframe.spec.element import define
from polyframe.spec.field_types import As, Floats
from polyframe.spec.fields import Float, Several, field
from polyframe.spec.ranges import Range

ATTEMPTS = 10
"""How often a box is drawn, until one fits into the image."""


def drawn_sides(
    bits: Array, area: float, scale: Sequence[float], ratio: Sequence[float]
) -> tuple[Array, Array]:
    """Two sides of ``ATTEMPTS`` boxes for each sample, (N, 10) each, in whole pixels.

    A box has the fraction s of ``area``, uniform in ``scale``; the first side is r times
    the second, and log r is uniform in log ``ratio``: ``√(s · area · r)`` and
    ``√(s · area / r)``, rounded. ``bits`` are two words for each attempt.
    """
    areas = area * uniform(bits[:, 0 : 2 * ATTEMPTS : 2], scale[0], scale[1])
    low, high = math.log(ratio[0]), math.log(ratio[1])
    ratios = np.exp(uniform(bits[:, 1 : 2 * ATTEMPTS : 2], low, high))
    return np.rint(np.sqrt(areas * ratios)), np.rint(np.sqrt(areas / ratios))


def first_that_fits(
    fits: Array, sides: tuple[Array, Array], otherwise: tuple[int, int]
) -> tuple[Array, Array]:
    """The first fitting attempt of each sample as whole numbers, ``otherwise`` where
    none fits."""
    at, found = (np.arange(len(fits)), fits.argmax(axis=1)), fits.any(axis=1)
    one, other = (
        np.where(found, side[at], instead).astype(np.int64)
        for side, instead in zip(sides, otherwise)
    )
    return one, other


@define
class RandomResizedCrop(Geometric):
    """A box from anywhere in the image, enlarged to the image's size.

    Szegedy et al. 2015, section 6, as in torchvision's RandomResizedCrop: the box has a
    fraction of the area that is uniform in ``scale``, and a ratio of width to height
    whose logarithm is uniform in log ``ratio``; both sides are rounded. Ten boxes are
    drawn, and the first that fits is taken; all its places are equally likely. If none
    fits, it is the largest box in the middle whose ratio is allowed. Row r of the output
    is read at ``(r + 1/2) · h / H - 1/2`` in the box, cut off at its border, and columns
    likewise. Images and targets of floats are interpolated bilinearly, labels take the
    nearest pixel.

    - ``scale``: the range of the box's fraction of the area.
    - ``ratio``: the range of the box's width divided by its height.
    """

    word = "random_resized_crop"
    words = 2 * ATTEMPTS + 2
    scale: As[Sequence[float], tuple[float, ...]] = field(
        Range(0.0, 1.0, above=True), default=(0.08, 1.0)
    )
    ratio: As[Sequence[float], tuple[float, ...]] = field(
        Range(0.0, 1e3, above=True), default=(3 / 4, 4 / 3)
    )

    def move(self, images: Array, bits: Array, fill: float = 0) -> Array:
        height, width = images.shape[-2:]
        top, left, high, wide = self.boxes(bits, height, width)
        rows = inside_box(np.arange(height), top, high, height)
        columns = inside_box(np.arange(width), left, wide, width)
        return sampled(
            images, lambda part: (rows[part, :, None], columns[part, None]), fill
        )

    def boxes(
        self, bits: Array, height: int, width: int
    ) -> tuple[Array, Array, Array, Array]:
        """Top, left, height and width of each box, whole numbers (N,)."""
        sides = drawn_sides(bits, height * width, self.scale, self.ratio)
        fits = (sides[0] > 0) & (sides[0] <= width)
        fits &= (sides[1] > 0) & (sides[1] <= height)
        widest = min(width, max(1, round(height * self.ratio[1])))
        highest = min(height, max(1, round(width / self.ratio[0])))
        wide, high = first_that_fits(fits, sides, (widest, highest))
        some = fits.any(axis=1)
        top = np.where(
            some, below(bits[:, -2], height - high + 1), (height - high) // 2
        )
        left = np.where(some, below(bits[:, -1], width - wide + 1), (width - wide) // 2)
        return top, left, high, wide


def inside_box(at: Array, start: Array, size: Array, length: int) -> Array:
    """Where in the image the output's rows (or columns) are read: (N, length)."""
    where = (at + 0.5) * (size / length)[:, None] - 0.5
    read: Array = np.clip(where, 0, size[:, None] - 1) + start[:, None]
    return read


@define
class RandomErasing(Augmentation):
    """A box of each image overwritten with ``value``, with probability ``p``.

    Zhong et al. 2020, "Random erasing data augmentation", as in torchvision's
    RandomErasing: the box has a fraction of the area that is uniform in ``scale``, and a
    ratio of height to width whose logarithm is uniform in log ``ratio``; both sides are
    rounded. Ten boxes are drawn, and the first that is smaller than the image on both
    sides is taken; all its places are equally likely. If none is, nothing is erased.
    Targets that are images keep what lies there.

    - ``p``: the probability for each image.
    - ``scale``: the range of the box's fraction of the area.
    - ``ratio``: the range of the box's height divided by its width.
    - ``value``: what stands in the box, one number, or one for each channel, in the
      scale of that moment.
    """

    word = "random_erasing"
    words = 2 * ATTEMPTS + 3
    p: float = field(Float(0.0, 1.0), default=0.5)
    scale: As[Sequence[float], tuple[float, ...]] = field(
        Range(0.0, 1.0), default=(0.02, 0.33)
    )
    ratio: As[Sequence[float], tuple[float, ...]] = field(
        Range(0.0, 1e3, above=True), default=(0.3, 3.3)
    )
    value: Floats = field(Several(Float(-1e30, 1e30), least=1), default=0.0)

    def check(
        self, shape: Shape, classes: int | None, image: Shape | None = None
    ) -> None:
        self.needs_images(shape)
        if len(self.value) not in (1, shape[0]):
            raise SpecError(
                f"value has {len(self.value)} numbers, and a sample {shape} has "
                f"{shape[0]} channels",
                where=self.label,
                hint="one number, or one for each channel",
            )

    def apply(self, x: Array, y: Array, bits: Array, classes: int | None) -> Batch:
        height, width = x.shape[2:]
        sides = drawn_sides(bits, height * width, self.scale, self.ratio)
        fits = (sides[0] < height) & (sides[1] < width)
        fits &= happens(bits[:, -1], self.p)[:, None]
        high, wide = first_that_fits(fits, sides, (0, 0))
        top = below(bits[:, -3], height - high + 1)[:, None]
        left = below(bits[:, -2], width - wide + 1)[:, None]
        row, column = np.arange(height), np.arange(width)
        rows = (row >= top) & (row < top + high[:, None])
        columns = (column >= left) & (column < left + wide[:, None])
        out = x.copy()
        value = np.array(self.value, x.dtype).reshape(-1, 1, 1)
        np.copyto(out, value, where=rows[:, None, :, None] & columns[:, None, None])
        return out, y
