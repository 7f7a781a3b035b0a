"""Pooling over the whole image, or to a size that is asked for."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from polyframe.spec.element import define
from polyframe.spec.layers.base import Layer, Moment, Shape

__all__ = ["GlobalAvgPool2D"]


@define
class GlobalAvgPool2D(Layer):
    """The mean over height and width: (N, C, H, W) → (N, C).

    Lin et al. 2014, section 3.2.
    """

    short: ClassVar[str] = "pool"
    examples = (({}, ((3, 4, 5),)),)

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], 3)
        return (shapes[0][0],)

    def define(self, at: Moment, *x: np.ndarray) -> np.ndarray:
        return x[0].mean(axis=(2, 3))
