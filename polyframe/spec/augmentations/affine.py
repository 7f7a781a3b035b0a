"""Random affine maps of images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from polyframe.io.array import Array
from polyframe.spec.augmentations.base import Geometric, uniform
from polyframe.spec.augmentations.sampling import mapped
from polyframe.spec.element import define
from polyframe.spec.field_types import As, Floats
from polyframe.spec.fields import Float, field
from polyframe.spec.ranges import Both, Range


@define
class RandomAffine(Geometric):
    """A rotation, translation, scaling and shear, drawn anew for each image.

    As torchvision's RandomAffine. About the centre of the image, a pixel at (x, y), x to
    the right and y down, comes to lie at ``scale · R(θ) · Y(β) · X(α) · (x, y) + t``
    with

        R = [cos θ, -sin θ]   Y = [   1,   0]   X = [1, -tan α]
            [sin θ,  cos θ]       [-tan β, 1]       [0,    1  ]

    All numbers are uniform in their ranges, and the translation is rounded to whole
    pixels. Images are interpolated bilinearly. Targets that are images move by the same
    map: floats bilinearly, labels by the nearest pixel. What comes from outside is
    ``fill``; for labels it is the loss's ``ignore_index``, or 0.

    - ``degrees``: the range of θ in degrees, clockwise; d stands for (-d, d), and 0 for
      no rotation.
    - ``translate``: the largest translation as a fraction of the width and of the
      height.
    - ``scale``: the range of the scale; above 1 enlarges.
    - ``shear``: the range of α in degrees, or the ranges of α and β as four numbers.
    - ``fill``: the value outside the image, in the scale of that moment.
    """

    word = "random_affine"
    words = 6
    degrees: Floats = field(Range(-360.0, 360.0, centre=0.0))
    translate: Floats = field(Both(0.0, 1.0), default=(0.0, 0.0))
    scale: As[Sequence[float], tuple[float, ...]] = field(
        Range(0.0, 1e3, above=True), default=(1.0, 1.0)
    )
    shear: Floats = field(Range(-89.0, 89.0, centre=0.0, ranges=2), default=(0.0, 0.0))
    fill: float = field(Float(-1e30, 1e30), default=0.0)

    def move(self, images: Array, bits: Array, fill: float = 0) -> Array:
        return mapped(images, self.inverse(bits, *images.shape[-2:]), fill)

    def inverse(self, bits: Array, height: int, width: int) -> Array:
        """The maps back, (N, 2, 3), for images of that size; see ``mapped``."""
        turn = np.radians(uniform(bits[:, 0], *self.degrees))
        right, down = (
            np.rint(uniform(bits[:, at], -share * size, share * size))
            for at, share, size in zip((1, 2), self.translate, (width, height))
        )
        scale = uniform(bits[:, 3], *self.scale)
        alpha = np.tan(np.radians(uniform(bits[:, 4], *self.shear[:2])))
        beta = np.tan(np.radians(uniform(bits[:, 5], *(self.shear[2:] or (0.0, 0.0)))))
        # R · Y · X = [a, b; c, d], whose determinant is 1.
        a = np.cos(turn) + np.sin(turn) * beta
        c = np.sin(turn) - np.cos(turn) * beta
        b = -alpha * a - np.sin(turn)
        d = -alpha * c + np.cos(turn)
        back = np.stack([d, -b, -c, a], axis=1).reshape(-1, 2, 2)
        back /= scale[:, None, None]
        offset = -(back @ np.stack([right, down], axis=1)[:, :, None])
        return np.concatenate([back, offset], axis=2)
