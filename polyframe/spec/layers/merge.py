"""Layers that combine values: several inputs into one, or reductions over axes."""

from __future__ import annotations

from functools import reduce
from typing import ClassVar

import numpy as np

from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.element import define, define_base
from polyframe.spec.field_types import Ints
from polyframe.spec.fields import Bool, Int, Several, field
from polyframe.spec.layers.base import Context, Examples, Layer, Shape, positive_axis

__all__ = [
    "Add",
    "Average",
    "Concat",
    "Maximum",
    "Multiply",
    "ReduceMean",
    "ReduceSum",
    "Subtract",
]

PAIRS: Examples = (
    ({}, ((3, 4, 5), (3, 4, 5))),
    ({}, ((3, 4, 5), (3, 1, 1))),
    ({}, ((1, 4, 1), (3, 1, 5))),
    ({}, ((6,), (1,))),
    ({}, ((2, 5), (2, 1))),
    ({}, ((2, 1, 3, 2), (1, 2, 3, 2))),
)
SEVERAL: Examples = (
    *PAIRS,
    ({}, ((6,), (6,), (6,))),
    ({}, ((3, 1, 1), (3, 4, 5), (1, 4, 5))),
)


@define_base
class Elementwise(Layer):
    """What elementwise layers of several inputs share: axes of size 1 are broadcast.

    All inputs have as many axes; along each, the sizes are equal or 1.
    """

    arity = (2, 1024)  # a sum in source of some thousands is too deep for Python
    examples: ClassVar[Examples] = SEVERAL

    def infer(self, *shapes: Shape) -> Shape:
        sizes = [set(axis) - {1} for axis in zip(*shapes, strict=False)]
        if len({len(shape) for shape in shapes}) > 1 or any(len(s) > 1 for s in sizes):
            raise SpecError(f"its inputs differ in shape: {listed(shapes)}")
        return tuple(max(s, default=1) for s in sizes)


@define
class Add(Elementwise):
    """The elementwise sum of two or more tensors, added left to right.

    Axes of size 1 are broadcast, as in NumPy: (C, H, W) + (C, 1, 1).
    """

    short: ClassVar[str] = "add"

    def define(self, at: Context, *x: Array) -> Array:
        return reduce(np.add, x)


@define
class Subtract(Elementwise):
    """The first tensor minus the second, elementwise; axes of size 1 are broadcast."""

    short: ClassVar[str] = "subtract"
    arity = (2, 2)
    examples = PAIRS

    def define(self, at: Context, *x: Array) -> Array:
        return x[0] - x[1]


@define
class Multiply(Elementwise):
    """The elementwise product of two or more tensors, multiplied left to right.

    Axes of size 1 are broadcast, as in NumPy: a gate (C, 1, 1) scales (C, H, W).
    """

    short: ClassVar[str] = "multiply"

    def define(self, at: Context, *x: Array) -> Array:
        return reduce(np.multiply, x)


@define
class Maximum(Elementwise):
    """The elementwise maximum of two or more tensors; axes of size 1 are broadcast.

    Of equal values the first gets the gradient (``torch.maximum`` would split it).
    """

    short: ClassVar[str] = "maximum"

    def define(self, at: Context, *x: Array) -> Array:
        return reduce(np.maximum, x)


@define
class Average(Elementwise):
    """The elementwise mean of two or more tensors; axes of size 1 are broadcast."""

    short: ClassVar[str] = "average"

    def define(self, at: Context, *x: Array) -> Array:
        total: Array = reduce(np.add, x)
        return total / len(x)


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
        others = {(*s[:axis], *s[axis + 1 :]) for s in shapes}
        if len(others) > 1 or len({len(s) for s in shapes}) > 1:
            raise SpecError(
                f"its inputs differ beside axis {self.axis}: {listed(shapes)}"
            )
        total = sum(s[axis] for s in shapes)
        return (*shapes[0][:axis], total, *shapes[0][axis + 1 :])

    def define(self, at: Context, *x: Array) -> Array:
        return np.concatenate(x, axis=self.axis)


@define_base
class Reduce(Layer):
    """What reductions share: the axes, counted as in (N, C, H, W), never N."""

    axes: Ints = field(Several(Int(-4, 4), least=1, most=4))
    keepdims: bool = field(Bool(), default=False)

    examples = (
        ({"axes": (2, 3)}, ((3, 4, 5),)),
        ({"axes": (2, 3), "keepdims": True}, ((3, 4, 5),)),
        ({"axes": 1}, ((3, 4, 5),)),
        ({"axes": 1}, ((2, 3, 2, 4),)),
        ({"axes": (1, 3)}, ((2, 3, 2, 4),)),
        ({"axes": -1}, ((3, 4),)),
        ({"axes": (-3, -1)}, ((3, 4, 5),)),
        ({"axes": 1, "keepdims": True}, ((6,),)),
        ({"axes": (1, 2), "keepdims": True}, ((2, 3, 4),)),
    )

    def infer(self, *shapes: Shape) -> Shape:
        axes = {positive_axis(axis, shapes[0]) for axis in self.axes}
        if len(axes) < len(self.axes):
            raise SpecError(f"axes {self.axes} name an axis twice")
        if self.keepdims:
            return tuple(1 if i in axes else n for i, n in enumerate(shapes[0], 1))
        if len(axes) == len(shapes[0]):
            raise SpecError(
                "leaves no axis of a sample", hint="fewer axes, or keepdims=True"
            )
        return tuple(n for i, n in enumerate(shapes[0], 1) if i not in axes)


@define
class ReduceMean(Reduce):
    """The mean over some axes, counted as in (N, C, H, W), N being 0; never over N.

    Reduced axes are removed, or kept with size 1 with ``keepdims``; at least one axis
    of a sample must remain. The first that remains is the channels: over axis 1,
    (N, C, H, W) → (N, H, W).
    """

    short: ClassVar[str] = "mean"

    def define(self, at: Context, *x: Array) -> Array:
        out: Array = x[0].mean(axis=self.axes, keepdims=self.keepdims)
        return out


@define
class ReduceSum(Reduce):
    """The sum over some axes; all else as in ReduceMean."""

    short: ClassVar[str] = "sum"

    def define(self, at: Context, *x: Array) -> Array:
        out: Array = x[0].sum(axis=self.axes, keepdims=self.keepdims)
        return out


def listed(shapes: tuple[Shape, ...]) -> str:
    """Shapes as they stand in a message."""
    return ", ".join(str(shape) for shape in shapes)
