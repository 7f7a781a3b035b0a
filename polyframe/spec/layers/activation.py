"""Activations."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from polyframe.spec.element import define
from polyframe.spec.fields import Int, field
from polyframe.spec.layers.base import Layer, Moment, Shape, positive_axis

__all__ = ["ReLU", "Softmax"]


@define
class ReLU(Layer):
    """``max(x, 0)``, elementwise; the gradient at 0 is 0. Nair & Hinton 2010."""

    short: ClassVar[str] = "relu"
    examples = (({}, ((3, 4, 5),)), ({}, ((6,),)))

    @property
    def increasing(self) -> bool:
        return True

    def infer(self, *shapes: Shape) -> Shape:
        return shapes[0]

    def define(self, at: Moment, *x: np.ndarray) -> np.ndarray:
        return np.maximum(x[0], 0)


@define
class Softmax(Layer):
    """``exp(x - max) / Σ exp(x - max)`` along one axis; axis 1 is the channels.

    ``axis`` counts as in (N, C, H, W), N being 0; it may be negative.
    """

    axis: int = field(Int(-4, 4), default=1)

    short: ClassVar[str] = "softmax"
    examples = (
        ({}, ((6,),)),
        ({}, ((3, 2, 4),)),
        ({"axis": -1}, ((3, 2, 4),)),
        ({"axis": 2}, ((3, 2, 4),)),
    )

    def infer(self, *shapes: Shape) -> Shape:
        positive_axis(self.axis, shapes[0])
        return shapes[0]

    def define(self, at: Moment, *x: np.ndarray) -> np.ndarray:
        e = np.exp(x[0] - x[0].max(axis=self.axis, keepdims=True))
        out: np.ndarray = e / e.sum(axis=self.axis, keepdims=True)
        return out
