"""Softmax and its logarithm."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from polyframe.io.array import Array
from polyframe.spec.element import define, define_base
from polyframe.spec.fields import Int, field
from polyframe.spec.layers.activation import EVERY_RANK
from polyframe.spec.layers.base import Context, Layer, Shape, positive_axis

__all__ = ["LogSoftmax", "Softmax"]


@define_base
class AlongAxis(Layer):
    """What softmax and its logarithm share: the axis."""

    axis: int = field(Int(-4, 4), default=1)

    examples = (
        *EVERY_RANK,
        ({"axis": -1}, ((3, 2, 4),)),
        ({"axis": 2}, ((3, 2, 4),)),
    )

    def infer(self, *shapes: Shape) -> Shape:
        positive_axis(self.axis, shapes[0])
        return shapes[0]


@define
class Softmax(AlongAxis):
    """``exp(x - max) / Σ exp(x - max)`` along one axis; axis 1 is the channels.

    ``axis`` counts as in (N, C, H, W), N being 0; it may be negative.
    """

    short: ClassVar[str] = "softmax"

    def define(self, at: Context, *x: Array) -> Array:
        e = np.exp(x[0] - x[0].max(axis=self.axis, keepdims=True))
        out: Array = e / e.sum(axis=self.axis, keepdims=True)
        return out


@define
class LogSoftmax(AlongAxis):
    """``x - max - log Σ exp(x - max)`` along one axis; axis 1 is the channels.

    ``axis`` counts as in (N, C, H, W), N being 0; it may be negative.
    """

    short: ClassVar[str] = "log_softmax"

    def define(self, at: Context, *x: Array) -> Array:
        z = x[0] - x[0].max(axis=self.axis, keepdims=True)
        out: Array = z - np.log(np.exp(z).sum(axis=self.axis, keepdims=True))
        return out
