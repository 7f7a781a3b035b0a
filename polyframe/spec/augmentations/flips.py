"""Augmentations that move whole pixels without any arithmetic: flips and turns by 90°."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.augmentations.base import Geometric, Shape, below, happens, sides
from polyframe.spec.element import define
from polyframe.spec.fields import Float, field


class _Flip(Geometric):
    """What both flips share."""

    words = 1
    any_size = True
    axis: ClassVar[int]
    p: float

    def move(self, images: Array, bits: Array, fill: float = 0) -> Array:
        chosen = happens(bits[:, 0], self.p)
        out = images.copy()
        out[chosen] = np.flip(images[chosen], self.axis)
        return out


@define
class RandomFlip(_Flip):
    """A horizontal flip, with probability ``p`` for each image.

    A target that is an image, of any size, is flipped with its sample.
    """

    word = "random_flip"
    axis = -1
    p: float = field(Float(0.0, 1.0), default=0.5)


@define
class RandomVerticalFlip(_Flip):
    """A vertical flip, with probability ``p`` for each image.

    As torchvision's RandomVerticalFlip. A target that is an image, of any size, is
    flipped with its sample.
    """

    word = "random_vertical_flip"
    axis = -2
    p: float = field(Float(0.0, 1.0), default=0.5)


@define
class RandomRotate90(Geometric):
    """A rotation by 0°, 90°, 180° or 270°, all four equally likely for each image.

    Counter-clockwise, as ``numpy.rot90``. Images have to be square: any other would
    change its shape. A target that is a square image, of any size, is rotated with its
    sample.
    """

    word = "random_rotate90"
    words = 1
    any_size = True

    def check(
        self, shape: Shape, classes: int | None, image: Shape | None = None
    ) -> None:
        super().check(shape, classes, image)
        for what, size in (("a sample", shape[1:]), ("a target", image)):
            if size is not None and size[0] != size[1]:
                raise SpecError(
                    f"takes square images, and {what} has {sides(size)} pixels",
                    where=self.label,
                    hint="random_flip and random_vertical_flip together make half turns",
                )

    def move(self, images: Array, bits: Array, fill: float = 0) -> Array:
        turns = below(bits[:, 0], 4)
        out = images.copy()
        for count in (1, 2, 3):
            chosen = turns == count
            out[chosen] = np.rot90(images[chosen], count, (-2, -1))
        return out
