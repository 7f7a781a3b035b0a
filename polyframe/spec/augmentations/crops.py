"""Augmentations that move pixels, of targets that are images, too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.augmentations.base import Geometric, Shape, below
from polyframe.spec.element import define
from polyframe.spec.field_types import As
from polyframe.spec.fields import Sizes, field


@define
class RandomCrop(Geometric):
    """Zeros around the image, then a crop of its old size from anywhere.

    As in He et al. 2016, section 4.2. ``padding`` is rows and columns on each side; all
    ``2 · padding + 1`` offsets are equally likely in each direction. Targets that are
    images are cropped alike; around labels lies the loss's ``ignore_index``, or 0.
    """

    word = "random_crop"
    words = 2
    padding: As[int | Sequence[int], tuple[int, int]] = field(
        Sizes(2, 0), default=(4, 4)
    )

    def check(
        self, shape: Shape, classes: int | None, image: Shape | None = None
    ) -> None:
        super().check(shape, classes, image)
        for padding, size in zip(self.padding, shape[1:], strict=True):
            if padding > size:
                raise SpecError(
                    f"padding {padding} is more than the image's size {size}",
                    where=self.label,
                    hint="some crops would show nothing of the image",
                )

    def move(self, images: Array, bits: Array, fill: float = 0) -> Array:
        (*others, height, width), (top, left) = images.shape, self.padding
        size = (*others, height + 2 * top, width + 2 * left)
        wide = np.full(size, fill, images.dtype)
        wide[..., top : top + height, left : left + width] = images
        # Every window of every image, as a view; one index picks one of each.
        windows = sliding_window_view(  # NumPy 1.26 types axis too narrowly
            wide,
            (height, width),
            (-2, -1),  # type: ignore[call-overload]
        )
        row, column = below(bits[:, 0], 2 * top + 1), below(bits[:, 1], 2 * left + 1)
        crops: Array = windows[np.arange(len(images)), ..., row, column, :, :]
        return crops
