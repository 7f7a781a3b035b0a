"""Layers of several inputs."""

from __future__ import annotations

from functools import reduce
from typing import ClassVar

import numpy as np

from polyframe.errors import SpecError
from polyframe.spec.element import define
from polyframe.spec.fields import Int, field
from polyframe.spec.layers.base import Layer, Moment, Shape, positive_axis

__all__ = ["Add", "Concat"]


@define
class Add(Layer):
    """The elementwise sum of two or more tensors of one shape, added left to right."""

    short: ClassVar[str] = "add"
    arity = (2, 1024)  # a sum in source of some thousands is too deep for Python
    examples = (
        ({}, ((3, 4, 5), (3, 4, 5))),
        ({}, ((6,), (6,), (6,))),
    )

    def infer(self, *shapes: Shape) -> Shape:
        if len(set(shapes)) > 1:
            raise SpecError(f"its inputs differ in shape: {listed(shapes)}")
        return shapes[0]

    def define(self, at: Moment, *x: np.ndarray) -> np.ndarray:
        return reduce(np.add, x)


@define
class Concat(Layer):
    """Tensors one after the other along one axis; axis 1 is the channels.

    ``axis`` counts as in (N, C, H, W), N being 0; it may be negative.
    """

    axis: int = field(Int(-4, 4), default=1)

    short: ClassVar[str] = "concat"
    arity = (2, None)
    examples = (
        ({}, ((3, 4, 5), (2, 4, 5))),
        ({}, ((6,), (1,), (2,))),
        ({"axis": 2}, ((3, 2, 5), (3, 4, 5))),
        ({"axis": -1}, ((3, 2, 5), (3, 2, 1))),
    )

    def infer(self, *shapes: Shape) -> Shape:
        axis = positive_axis(self.axis, shapes[0]) - 1
        rest = {(*s[:axis], *s[axis + 1 :]) for s in shapes}
        if len(rest) > 1 or len({len(s) for s in shapes}) > 1:
            raise SpecError(
                f"its inputs differ beside axis {self.axis}: {listed(shapes)}"
            )
        total = sum(s[axis] for s in shapes)
        return (*shapes[0][:axis], total, *shapes[0][axis + 1 :])

    def define(self, at: Moment, *x: np.ndarray) -> np.ndarray:
        return np.concatenate(x, axis=self.axis)


def listed(shapes: tuple[Shape, ...]) -> str:
    """Shapes as they stand in a message."""
    return ", ".join(str(shape) for shape in shapes)
