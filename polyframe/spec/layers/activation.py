"""Activations."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from polyframe.errors import SpecError
from polyframe.spec.element import define
from polyframe.spec.fields import Int, field
from polyframe.spec.layers.base import Layer, Moment, Shape


@define
class ReLU(Layer):
    """``max(x, 0)``, elementwise; the gradient at 0 is 0. Nair & Hinton 2010."""

    short: ClassVar[str] = "relu"
    examples = (({}, ((3, 4, 5),)), ({}, ((6,),)))

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


def positive_axis(axis: int, shape: Shape) -> int:
    """The axis counted from N = 0; SpecError for N itself and beyond the last."""
    rank = len(shape) + 1
    found = axis if axis >= 0 else axis + rank
    if not 1 <= found < rank:
        raise SpecError(
            f"axis {axis} is not one of the {rank - 1} axes after N",
            hint=f"1 to {rank - 1}, or {1 - rank} to -1",
        )
    return found
