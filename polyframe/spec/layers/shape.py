"""Layers that only move values: flattening, reshaping, padding, cutting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.element import define, define_base
from polyframe.spec.field_types import As, Ints, SidesField
from polyframe.spec.fields import Choice, Float, Int, Kind, Maybe, Several, field, pairs
from polyframe.spec.layers.base import Context, Layer, Shape, Tensor, positive_axis
from polyframe.spec.layers.windows import Pads

__all__ = [
    "Crop",
    "Flatten",
    "Pad",
    "Permute",
    "Reshape",
    "Slice",
    "Split",
    "split",
]


@define
class Flatten(Layer):
    """Joins the axes from start to end, by default all: (N, C, H, W) → (N, C·H·W).

    The order is C, H, W: the last axis varies fastest. ``start_axis``, ``end_axis`` count
    as in (N, C, H, W), N being 0; both are included (fields as ``torch.nn.Flatten``,
    whose ``dim`` is ``axis`` here).
    """

    start_axis: int = field(Int(-4, 4), default=1)
    end_axis: int = field(Int(-4, 4), default=-1)

    short: ClassVar[str] = "flatten"
    examples = (
        ({}, ((2, 3, 4),)),
        ({}, ((5,),)),
        ({}, ((2, 3),)),
        ({}, ((2, 3, 2, 2),)),
        ({"start_axis": 2}, ((2, 3, 4),)),
        ({"start_axis": -2}, ((2, 3, 2, 4),)),
        ({"end_axis": 2}, ((2, 3, 4),)),
        ({"start_axis": 2, "end_axis": 3}, ((2, 3, 2, 4),)),
    )

    def infer(self, *shapes: Shape) -> Shape:
        shape = shapes[0]
        start = positive_axis(self.start_axis, shape) - 1
        end = positive_axis(self.end_axis, shape)
        if start >= end:
            raise SpecError(
                f"start_axis {self.start_axis} comes after end_axis {self.end_axis} "
                f"for samples {shape}"
            )
        return (*shape[:start], math.prod(shape[start:end]), *shape[end:])

    def define(self, at: Context, *x: Array) -> Array:
        return x[0].reshape(len(x[0]), *self.infer(x[0].shape[1:]))


@define
class Reshape(Layer):
    """The same values in another shape: (N, C, H, W) → (N, \\*shape).

    ``shape`` is per sample, without N, in the neutral order (C, H, W), the last axis
    varying fastest; one size may be -1, and is then inferred.
    """

    shape: Ints = field(Several(Int(-1), 1, 4))

    short: ClassVar[str] = "reshape"
    examples = (
        ({"shape": (3, 2, 4)}, ((24,),)),
        ({"shape": 24}, ((2, 3, 4),)),
        ({"shape": (-1,)}, ((2, 6),)),
        ({"shape": (4, -1)}, ((2, 3, 4),)),
        ({"shape": (2, -1)}, ((2, 3, 4),)),
        ({"shape": (6, 2, 2)}, ((2, 3, 4),)),
        ({"shape": (1, 6, 4)}, ((2, 3, 4),)),
        ({"shape": (2, 3, 2, 2)}, ((2, 3, 4),)),
        ({"shape": (-1, 2, 2)}, ((2, 3, 2, 2),)),
    )

    def infer(self, *shapes: Shape) -> Shape:
        total, free = math.prod(shapes[0]), self.shape.count(-1)
        known = math.prod(n for n in self.shape if n != -1)
        fits = known and (total % known == 0 if free else total == known)
        if free > 1 or not fits:
            raise SpecError(
                f"shape {self.shape} cannot hold the {total} values of a sample "
                f"{shapes[0]}",
                hint="sizes from 1 whose product that is; one of them may be -1",
            )
        return tuple(total // known if n == -1 else n for n in self.shape)

    def define(self, at: Context, *x: Array) -> Array:
        return x[0].reshape(len(x[0]), *self.infer(x[0].shape[1:]))


@define
class Permute(Layer):
    """The axes in another order: (N, C, H, W) → (N, H, W, C) by ``axes=(2, 3, 1)``.

    ``axes`` gives the input axis for each axis of the output, counted from 1 after N,
    as in ``torch.permute(x, (0, *axes))``.
    """

    axes: Ints = field(Several(Int(1, 4), 1, 4))

    short: ClassVar[str] = "permute"
    examples = (
        ({"axes": (2, 3, 1)}, ((2, 3, 4),)),
        ({"axes": (3, 1, 2)}, ((2, 3, 4),)),
        ({"axes": (1, 3, 2)}, ((2, 3, 4),)),
        ({"axes": (2, 1)}, ((2, 3),)),
        ({"axes": (1,)}, ((4,),)),
        ({"axes": (3, 2, 4, 1)}, ((2, 3, 4, 5),)),
    )

    def infer(self, *shapes: Shape) -> Shape:
        if sorted(self.axes) != list(range(1, len(shapes[0]) + 1)):
            raise SpecError(
                f"axes {self.axes} is not an order of the {len(shapes[0])} axes after N",
                hint=f"each number from 1 to {len(shapes[0])} once",
            )
        return tuple(shapes[0][axis - 1] for axis in self.axes)

    def define(self, at: Context, *x: Array) -> Array:
        return x[0].transpose(0, *self.axes)


class Sides(Kind[int | Pads]):
    """How much on both sides of each spatial axis: a number, one for each axis, or
    (before, after) for each. How many axes there are, the input says."""

    @property
    def allowed(self) -> str:
        return (
            "a number, one for each spatial axis, or (before, after) for each: "
            "2, (1, 2), ((0, 1), (2, 2))"
        )

    def check(self, value: object) -> int | Pads:
        """A number, or ``((before, after), …)`` for each axis."""
        if not isinstance(value, (tuple, list)):
            return Int(0).check(value)
        if not 1 <= len(value) <= 3:
            raise ValueError
        return pairs(value, len(value))

    def short(self, value: int | Pads) -> object:
        """One number for each axis, where that says it all."""
        if isinstance(value, int) or any(low != high for low, high in value):
            return value
        return tuple(low for low, _ in value)


def sides(value: int | Pads, layer: Layer, shape: Shape) -> Pads:
    """(before, after) for each spatial axis of a sample (C, …)."""
    layer.needs_rank(shape, 2, 3, 4)
    axes = len(shape) - 1
    if isinstance(value, int):
        return ((value, value),) * axes
    if len(value) != axes:
        raise SpecError(
            f"has sizes for {len(value)} spatial axes, but a sample {shape} has {axes}",
            hint="one number for all axes, or (before, after) for each",
        )
    return value


@define
class Pad(Layer):
    """Adds values around a sample: (N, C, H, W) → (N, C, top + H + bottom, …).

    - ``padding``: a number, one for each spatial axis, or (before, after) for each:
      ((top, bottom), (left, right)). Also for (C, L) and (C, D, H, W).
    - ``mode``: "constant" fills with ``value``; "reflect" mirrors at the border, which
      it does not repeat; "edge" repeats the border (``torch.nn.functional.pad``, where
      that is called "replicate").
    """

    padding: SidesField = field(Sides())
    mode: str = field(Choice(("constant", "reflect", "edge")), default="constant")
    value: float = field(Float(), default=0.0)

    short: ClassVar[str] = "pad"
    examples = (
        ({"padding": 1}, ((2, 3, 4),)),
        ({"padding": (1, 2)}, ((2, 3, 4),)),
        ({"padding": ((0, 1), (2, 0))}, ((2, 3, 4),)),
        ({"padding": ((1, 0), (2, 3)), "value": 0.1}, ((2, 3, 4),)),
        ({"padding": 2, "value": -1.5}, ((2, 3),)),
        ({"padding": 1, "value": 0.3}, ((2, 2, 3, 4),)),
        ({"padding": 2, "mode": "reflect"}, ((2, 3),)),
        ({"padding": ((2, 1), (0, 3)), "mode": "reflect"}, ((2, 3, 4),)),
        ({"padding": (0, 1, 2), "mode": "reflect"}, ((2, 2, 3, 4),)),
        ({"padding": ((3, 0),), "mode": "edge"}, ((2, 2),)),
        ({"padding": ((2, 1), (0, 3)), "mode": "edge"}, ((2, 3, 1),)),
        ({"padding": ((0, 1), (1, 0), (2, 2)), "mode": "edge"}, ((2, 2, 3, 2),)),
    )

    def pads(self, shape: Shape) -> Pads:
        """(before, after) for each spatial axis."""
        return sides(self.padding, self, shape)

    def infer(self, *shapes: Shape) -> Shape:
        channels, *size = shapes[0]
        pads = self.pads(shapes[0])
        for n, pair in zip(size, pads, strict=True):
            if self.mode == "reflect" and max(pair) >= n:
                raise SpecError(
                    f"cannot reflect {max(pair)} values of an axis that has {n}",
                    hint="less padding than the axis is long, or mode edge",
                )
        grown = (n + low + high for n, (low, high) in zip(size, pads, strict=True))
        return (channels, *grown)

    def define(self, at: Context, *x: Array) -> Array:
        widths = ((0, 0), (0, 0), *self.pads(x[0].shape[1:]))
        if self.mode == "constant":
            return np.pad(x[0], widths, constant_values=self.value)
        out: Array = np.pad(x[0], widths, mode=self.mode)  # type: ignore[call-overload]
        return out


@define_base
class Cut(Layer):
    """What layers share whose output is a piece of their input."""

    def cuts(self, shape: Shape) -> tuple[slice, ...]:
        """What is taken of each axis after N; whole axes are ``slice(None)``."""
        raise NotImplementedError

    def infer(self, *shapes: Shape) -> Shape:
        pieces = zip(shapes[0], self.cuts(shapes[0]), strict=True)
        kept = tuple(len(range(*cut.indices(n))) for n, cut in pieces)
        if 0 in kept:
            raise SpecError(f"leaves nothing of samples {shapes[0]}")
        return kept

    def define(self, at: Context, *x: Array) -> Array:
        piece: Array = x[0][(slice(None), *self.cuts(x[0].shape[1:]))]
        return piece


def along(axis: int, shape: Shape, cut: slice) -> tuple[slice, ...]:
    """A cut along one axis, all others whole; what a cut need not say is left out."""
    cuts = [slice(None)] * len(shape)
    index = positive_axis(axis, shape) - 1
    start, stop, step = cut.indices(shape[index])
    end = stop if stop < shape[index] else None
    cuts[index] = slice(start or None, end, step if step > 1 else None)
    return tuple(cuts)


@define
class Crop(Cut):
    """Cuts off a sample's borders: (N, C, H, W) → (N, C, H - top - bottom, …).

    ``cropping``: a number, one for each spatial axis, or (before, after) for each:
    ((top, bottom), (left, right)). Also for (C, L) and (C, D, H, W).
    """

    cropping: SidesField = field(Sides())

    short: ClassVar[str] = "crop"
    examples = (
        ({"cropping": 1}, ((2, 4, 5),)),
        ({"cropping": (0, 2)}, ((2, 3, 5),)),
        ({"cropping": ((0, 1), (2, 0))}, ((2, 3, 4),)),
        ({"cropping": 0}, ((2, 3, 4),)),
        ({"cropping": ((1, 2),)}, ((2, 5),)),
        ({"cropping": 1}, ((2, 3, 4, 5),)),
        ({"cropping": ((0, 1), (1, 0), (0, 0))}, ((2, 3, 2, 2),)),
    )

    def cuts(self, shape: Shape) -> tuple[slice, ...]:
        pairs = sides(self.cropping, self, shape)
        for n, (low, high) in zip(shape[1:], pairs, strict=True):
            if low + high >= n:
                raise SpecError(
                    f"cuts {low} + {high} off an axis that has {n}",
                    hint="at least one value must be left",
                )
        kept = (slice(low or None, -high or None) for low, high in pairs)
        return (slice(None), *kept)


@define
class Slice(Cut):
    """A piece of one axis, as Python's ``x[start:stop:step]``.

    ``axis`` counts as in (N, C, H, W), N being 0; ``start`` and ``stop`` may be
    negative (from the end) or beyond it; ``stop=None`` is the end.
    """

    axis: int = field(Int(-4, 4))
    start: int = field(Int(-(2**24)), default=0)
    stop: int | None = field(Maybe(Int(-(2**24))), default=None)
    step: int = field(Int(), default=1)

    short: ClassVar[str] = "slice"
    examples = (
        ({"axis": 1, "start": 1}, ((3, 2, 2),)),
        ({"axis": 2, "stop": -1}, ((2, 4, 3),)),
        ({"axis": -1, "start": 1, "stop": 5, "step": 2}, ((2, 3, 6),)),
        ({"axis": 1, "start": -3, "stop": 100}, ((4,),)),
        ({"axis": 1, "step": 2}, ((5,),)),
        ({"axis": 2}, ((2, 3),)),
        ({"axis": 2, "start": 1, "stop": 2}, ((2, 3),)),
        ({"axis": 3, "start": 1, "step": 3}, ((2, 2, 5, 2),)),
    )

    def cuts(self, shape: Shape) -> tuple[slice, ...]:
        return along(self.axis, shape, slice(self.start, self.stop, self.step))


class Sections(Kind[int | tuple[int, ...]]):
    """Into how many equal parts, or the sizes of the parts."""

    @property
    def allowed(self) -> str:
        return "a number of equal parts, or a list of their sizes"

    def check(self, value: object) -> int | tuple[int, ...]:
        """A number, or a tuple."""
        if isinstance(value, (tuple, list)):
            return Several(Int(), least=1).check(value)
        return Int().check(value)


@define
class Split(Cut):
    """One part of a tensor that is split along an axis; ``pf.split`` gives all of them.

    - ``sections``: a number of equal parts, or the sizes of the parts.
    - ``index``: which part, from 0.
    - ``axis`` counts as in (N, C, H, W), N being 0.
    """

    sections: As[int | Sequence[int], int | tuple[int, ...]] = field(Sections())
    index: int = field(Int(0))
    axis: int = field(Int(-4, 4), default=1)

    short: ClassVar[str] = "split"
    examples = (
        ({"sections": 2, "index": 0}, ((4, 3, 2),)),
        ({"sections": 2, "index": 1}, ((4, 3, 2),)),
        ({"sections": (1, 2, 3), "index": 1}, ((6,),)),
        ({"sections": (1, 2), "index": 1, "axis": -1}, ((2, 3),)),
        ({"sections": 3, "index": 1, "axis": 2}, ((2, 6, 2),)),
        ({"sections": 1, "index": 0}, ((2, 3, 2),)),
        ({"sections": (2, 1), "index": 0, "axis": 4}, ((2, 2, 2, 3),)),
    )

    def cuts(self, shape: Shape) -> tuple[slice, ...]:
        size = shape[positive_axis(self.axis, shape) - 1]
        if isinstance(self.sections, int):
            if size % self.sections:
                raise SpecError(
                    f"cannot split {size} into {self.sections} equal parts",
                    hint="a list of sizes",
                )
            parts = (size // self.sections,) * self.sections
        else:
            parts = self.sections
        if sum(parts) != size:
            raise SpecError(f"parts of {parts} are not the {size} of axis {self.axis}")
        if self.index >= len(parts):
            raise SpecError(f"has no part {self.index}: there are {len(parts)}, from 0")
        start = sum(parts[: self.index])
        return along(self.axis, shape, slice(start, start + parts[self.index]))


def split(x: Tensor, sections: int | Sequence[int], axis: int = 1) -> list[Tensor]:
    """All parts of a tensor that is split along an axis (see ``Split``).

    ``sections``: a number of equal parts, or the sizes of the parts. ``axis`` counts as
    in (N, C, H, W), N being 0.
    """
    checked = Split(sections, 0, axis).sections
    count = checked if isinstance(checked, int) else len(checked)
    return [Split(checked, index, axis)(x) for index in range(count)]
