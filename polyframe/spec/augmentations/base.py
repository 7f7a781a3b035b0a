"""What all augmentations have in common, and the base of those that move pixels."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np

from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.element import Element

Shape = tuple[int, ...]
Batch = tuple[Array, Array]


class Augmentation(Element, family="augmentation"):
    """The base of all augmentations: frozen data, and what they do in NumPy."""

    always: ClassVar[bool] = False  # at evaluation and prediction too
    joint: ClassVar[bool] = False  # mixes a batch's samples; all rows of bits are alike
    words: ClassVar[int] = 0  # uniform 32-bit words that one sample takes
    unit_range: ClassVar[bool] = False  # takes and gives values from 0 to 1
    rescales: ClassVar[bool] = False  # its values do not stay between 0 and 1

    def check(
        self, shape: Shape, classes: int | None, image: Shape | None = None
    ) -> None:
        """SpecError unless samples of that shape, with that many classes, fit; ``image``
        is the (height, width) of targets that are images, None for others."""

    def resolved(self, x: Array) -> Self:
        """This augmentation with what it has to know of the training samples."""
        return self

    def apply(self, x: Array, y: Array, bits: Array, classes: int | None) -> Batch:
        """The batch (x, y) augmented; neither is written to, and x keeps its dtype.

        ``y`` is labels (N,) or (N, H, W), integers, or targets, floats; ``bits`` uint32
        (N, words).
        """
        raise NotImplementedError

    def needs_images(self, shape: Shape) -> None:
        """SpecError unless samples are (C, H, W)."""
        if len(shape) != 3:
            raise SpecError(
                f"takes images (C, H, W), and a sample is {shape}", where=self.label
            )

    def needs_size(self, shape: Shape, image: Shape | None) -> None:
        """SpecError unless targets that are images are as large as samples (C, H, W)."""
        if image is not None and image != shape[1:]:
            raise SpecError(
                f"targets are images of {sides(image)} pixels, and a sample has "
                f"{sides(shape[1:])}",
                where=self.label,
                hint="its map is known for targets as large as the samples",
            )

    def needs_classes(self, classes: int | None) -> int:
        """The number of classes; SpecError where targets are numbers."""
        if classes is None:
            raise SpecError(
                "takes class labels, and the targets are numbers", where=self.label
            )
        return classes


class Geometric(Augmentation):
    """The base of what moves pixels: targets that are images move by the same map.

    A subclass writes ``move``. Labels are moved as they are, without interpolation.
    """

    any_size: ClassVar[bool] = False  # targets may be larger or smaller than samples
    fill: float = 0  # what lies around samples, and around targets that are floats

    def check(
        self, shape: Shape, classes: int | None, image: Shape | None = None
    ) -> None:
        self.needs_images(shape)
        if not self.any_size:
            self.needs_size(shape, image)

    def move(self, images: Array, bits: Array, fill: float = 0) -> Array:
        """Images (N, H, W) or (N, C, H, W) moved, with ``fill`` where none of the old
        pixels comes to lie; integers are labels, and never interpolated."""
        raise NotImplementedError

    def apply(
        self,
        x: Array,
        y: Array,
        bits: Array,
        classes: int | None,
        ignored: int | None = None,
    ) -> Batch:
        return self.move(x, bits, self.fill), self.move_target(y, bits, ignored)

    def move_target(self, y: Array, bits: Array, ignored: int | None) -> Array:
        """A target that is an image moved, any other as it is. Labels are filled with
        ``ignored``, the loss's ``ignore_index``, or with 0 without one; floats are
        filled as samples are."""
        if not is_image(y):
            return y
        around = (ignored or 0) if y.dtype.kind in "iu" else self.fill
        return self.move(y, bits, around)


def is_image(y: Array) -> bool:
    """Whether targets are images: labels (N, H, W) or floats (N, C, H, W), of more than
    one pixel."""
    rank = 3 if y.dtype.kind in "iu" else 4
    return y.ndim == rank and y.shape[-2:] != (1, 1)


def sides(size: Shape) -> str:
    """``480 x 640``."""
    return " x ".join(map(str, size))


def below(bits: Array, count: int | Array) -> Array:
    """Whole numbers from 0 to ``count - 1`` from uniform 32-bit words.

    The top bits of a product (Lemire 2019, "Fast random integer generation in an
    interval", without the rejection): off by less than count / 2³² from uniform.
    """
    product: Array = bits.astype(np.uint64) * np.asarray(count, np.uint64)
    return (product >> np.uint64(32)).astype(np.int64)


def uniform(bits: Array, low: float, high: float) -> Array:
    """Numbers between ``low`` and ``high`` in float64, from uniform 32-bit words:
    ``low + (high - low) · word / 2³²``."""
    numbers: Array = low + (high - low) * (bits / 2.0**32)
    return numbers


def happens(bits: Array, p: float) -> Array:
    """True with probability ``p``, from uniform 32-bit words."""
    chosen: Array = bits < np.uint64(round(p * 2**32))
    return chosen
