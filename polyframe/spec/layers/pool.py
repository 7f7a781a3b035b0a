"""Pooling windows."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.element import define, define_base
from polyframe.spec.field_types import Ints, OptionalInts, PaddingField
from polyframe.spec.fields import Bool, Float, Int, Maybe, Padding, Sizes, field
from polyframe.spec.layers.base import Context, Layer, Shape
from polyframe.spec.layers.windows import Pads, output_size, resolve_padding, windows

__all__ = [
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "LPPool2D",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
]

UNCOUNTED = {"count_include_pad": False}
L8, I66, D544 = ((2, 8),), ((2, 6, 6),), ((2, 5, 4, 4),)  # shapes of examples


@define_base
class Pool(Layer):
    """What all pooling over ``dims`` spatial axes shares: the windows."""

    kernel_size: Ints = field(Sizes())
    stride: OptionalInts = field(Maybe(Sizes()), default=None)

    short: ClassVar[str] = "pool"
    dims: ClassVar[int]

    @property
    def geometry(self) -> tuple[str | Pads, tuple[int, ...], bool]:
        """(padding, dilation, ceil_mode), of those that the class has."""
        raise NotImplementedError

    @property
    def steps(self) -> tuple[int, ...]:
        """The stride; the kernel's size where none is given."""
        steps: tuple[int, ...] = self.stride or self.kernel_size
        return steps

    @property
    def spacing(self) -> tuple[int, ...]:
        """The dilation; 1 where the class has none."""
        return self.geometry[1]

    @property
    def reach(self) -> tuple[int, ...]:
        """How many positions a window spans."""
        pairs = zip(self.kernel_size, self.spacing, strict=True)
        return tuple((k - 1) * d + 1 for k, d in pairs)

    def pads(self, shape: Shape) -> Pads:
        """The explicit padding for one input shape (C, …)."""
        return resolve_padding(
            self.geometry[0], shape[1:], self.kernel_size, self.steps, self.spacing
        )

    def overhang(self, shape: Shape) -> Pads:
        """How far ``ceil_mode`` lets the last windows hang over the padded input.

        A last window that would start after the input's own values is left out.
        (``aten/src/ATen/native/Pool.h``, ``pooling_output_shape_pad_lr``).
        """
        pairs = []
        sizes = zip(shape[1:], self.pads(shape), self.reach, self.steps, strict=True)
        for n, (lo, hi), reach, s in sizes:
            last = -((reach - n - lo - hi) // s)  # the number of the last window
            if last * s >= n + lo:
                last -= 1
            over = last * s + reach - (n + lo + hi)
            pairs.append((0, max(over, 0) if self.geometry[2] and last >= 0 else 0))
        return tuple(pairs)

    def whole_pads(self, shape: Shape) -> Pads:
        """The padding with the overhang after it: with it no window hangs over."""
        pairs = zip(self.pads(shape), self.overhang(shape), strict=True)
        return tuple((lo, hi + over) for (lo, hi), (_, over) in pairs)

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], self.dims + 1)
        channels, *size = shapes[0]
        # More than half a window of padding could leave a window with nothing in it.
        for reach, (lo, hi) in zip(self.reach, self.pads(shapes[0]), strict=True):
            if max(lo, hi) > reach // 2:
                raise SpecError(
                    f"padding {max(lo, hi)} is more than half of its kernel ({reach})"
                )
        pads = self.whole_pads(shapes[0])
        out = output_size(tuple(size), self.kernel_size, self.steps, pads, self.spacing)
        axes = zip(size, pads, self.steps, self.spacing, out, strict=True)
        for n, (lo, _), s, d, count in axes:
            # Windows that start in the padding step over an input shorter than a gap.
            starts = range(-lo, min(0, count * s - lo), s)
            if d > n and any(start % d >= n for start in starts):
                raise SpecError(
                    f"a window with dilation {d} holds padding only (input {n})",
                    hint="less padding or dilation",
                )
        return (channels, *out)

    def windows(self, x: Array, fill: float) -> Array:
        """Every window of ``x``, padded with ``fill``: its inside at the end."""
        pads = self.whole_pads(x.shape[1:])
        return windows(x, self.kernel_size, self.steps, pads, self.spacing, fill)

    @property
    def inside(self) -> tuple[int, ...]:
        """The axes inside a window."""
        return tuple(range(-self.dims, 0))


@define_base
class MaxPool(Pool):
    """What max pooling over one, two and three spatial axes shares."""

    padding: PaddingField = field(Padding(), default=0)
    dilation: Ints = field(Sizes(), default=1)
    ceil_mode: bool = field(Bool(), default=False)

    @property
    def geometry(self) -> tuple[str | Pads, tuple[int, ...], bool]:
        """All three."""
        return self.padding, self.dilation, self.ceil_mode

    def define(self, at: Context, *x: Array) -> Array:
        out: Array = self.windows(x[0], -np.inf).max(axis=self.inside)
        return out


@define
class MaxPool1D(MaxPool):
    """The largest value of each window: (N, C, L) → (N, C, L').

    As MaxPool2D, over one axis (fields as ``torch.nn.MaxPool1d``).
    """

    dims: ClassVar[int] = 1
    examples = (
        ({"kernel_size": 2}, ((3, 9),)),
        ({"kernel_size": 3, "stride": 2, "padding": 1}, ((2, 8),)),
        ({"kernel_size": 3, "stride": 2, "padding": "same"}, ((2, 8),)),
        ({"kernel_size": 3, "stride": 2, "padding": ((0, 1),)}, ((2, 9),)),
        ({"kernel_size": 2, "stride": 3, "ceil_mode": True}, ((2, 7),)),
        ({"kernel_size": 2, "padding": 1, "ceil_mode": True}, ((2, 7),)),
        (
            {"kernel_size": 3, "stride": 2, "padding": 2, "dilation": 3},
            ((2, 11),),
        ),
    )


@define
class MaxPool2D(MaxPool):
    """The largest value of each window: (N, C, H, W) → (N, C, H', W').

    Padding counts as -∞. Of equal values the first in row-major order gets the
    gradient. ``stride`` defaults to the kernel's size; ``padding`` as in Conv2D, at
    most half of the kernel (fields as ``torch.nn.MaxPool2d``).

    - ``dilation``: the distance between a window's values; every window must hold one
      value of the input.
    - ``ceil_mode``: whether to add a window where values would be left over. It may
      extend beyond the padded input, but starts inside the input or the padding before.
    """

    dims: ClassVar[int] = 2
    examples = (
        ({"kernel_size": 2}, ((3, 6, 8),)),
        ({"kernel_size": 2}, ((2, 5, 7),)),
        ({"kernel_size": 3, "stride": 2, "padding": 1}, ((2, 7, 6),)),
        ({"kernel_size": (2, 3), "stride": 1}, ((2, 5, 6),)),
        ({"kernel_size": 3, "stride": 2, "padding": ((0, 1), (1, 0))}, ((2, 6, 6),)),
        ({"kernel_size": 3, "stride": 2, "padding": "same"}, ((2, 6, 5),)),
        ({"kernel_size": 3, "stride": 2, "ceil_mode": True}, ((2, 6, 7),)),
        ({"kernel_size": 2, "padding": 1, "ceil_mode": True}, ((2, 6, 7),)),
        ({"kernel_size": 2, "padding": 1, "ceil_mode": True}, ((2, 5, 7),)),
        ({"kernel_size": 3, "stride": 4, "ceil_mode": True}, ((2, 2, 6),)),
        ({"kernel_size": 2, "dilation": 2}, ((2, 6, 7),)),
        (
            {
                "kernel_size": (3, 2),
                "stride": 2,
                "padding": ((1, 0), (1, 2)),
                "dilation": (1, 3),
                "ceil_mode": True,
            },
            ((2, 6, 5),),
        ),
    )


@define
class MaxPool3D(MaxPool):
    """The largest value of each window: (N, C, D, H, W) → (N, C, D', H', W').

    As MaxPool2D, over three axes (fields as ``torch.nn.MaxPool3d``).
    """

    dims: ClassVar[int] = 3
    examples = (
        ({"kernel_size": 2}, ((2, 4, 5, 4),)),
        ({"kernel_size": (2, 3, 1), "stride": (1, 2, 2), "padding": (1, 1, 0)}, D544),
        ({"kernel_size": 3, "stride": 2, "padding": "same"}, D544),
        ({"kernel_size": 2, "stride": 2, "padding": ((0, 1), (0, 0), (1, 0))}, D544),
        ({"kernel_size": 2, "stride": 2, "ceil_mode": True}, D544),
        ({"kernel_size": 2, "padding": 1, "ceil_mode": True}, D544),
        ({"kernel_size": 2, "stride": 1, "dilation": (1, 2, 3)}, D544),
    )


@define_base
class AvgPool(Pool):
    """What average pooling over one, two and three spatial axes shares."""

    padding: PaddingField = field(Padding(), default=0)
    ceil_mode: bool = field(Bool(), default=False)
    count_include_pad: bool = field(Bool(), default=True)

    @property
    def geometry(self) -> tuple[str | Pads, tuple[int, ...], bool]:
        """No dilation."""
        return self.padding, (1,) * self.dims, self.ceil_mode

    @property
    def divisor(self) -> int | None:
        """What every window's sum is divided by, if not by a count."""
        return None

    def counted_pads(self, shape: Shape) -> tuple[Pads, Pads]:
        """The padding whose zeros are counted as values, and the padding around it."""
        none = ((0, 0),) * self.dims
        if self.count_include_pad:
            return self.pads(shape), self.overhang(shape)
        return none, self.whole_pads(shape)

    def counts(self, shape: Shape) -> Array:
        """What each window's sum is divided by, (H', W'), for inputs (C, H, W)."""
        inner, outer = self.counted_pads(shape)
        ones = np.pad(np.ones(shape[1:]), inner, constant_values=1)[None, None]
        view = windows(ones, self.kernel_size, self.steps, outer, self.spacing, 0)
        counts: Array = view.sum(axis=self.inside)[0, 0]
        return counts

    def define(self, at: Context, *x: Array) -> Array:
        total = self.windows(x[0], 0.0).sum(axis=self.inside)
        counts = self.counts(x[0].shape[1:]).astype(total.dtype)
        out: Array = total / (self.divisor or counts)
        return out


@define_base
class DividedAvgPool(AvgPool):
    """Average pooling whose divisor can be given."""

    divisor_override: int | None = field(Maybe(Int()), default=None)

    @property
    def divisor(self) -> int | None:
        """The given one."""
        return self.divisor_override


@define
class AvgPool1D(AvgPool):
    """The mean of each window: (N, C, L) → (N, C, L').

    As AvgPool2D, over one axis (fields as ``torch.nn.AvgPool1d``).
    """

    dims: ClassVar[int] = 1
    examples = (
        ({"kernel_size": 2}, ((3, 9),)),
        ({"kernel_size": 3, "stride": 2, "padding": 1}, ((2, 8),)),
        ({"kernel_size": 3, "padding": 1} | UNCOUNTED, ((2, 8),)),
        ({"kernel_size": 3, "stride": 2, "padding": "same"}, ((2, 8),)),
        ({"kernel_size": 3, "padding": ((0, 1),)} | UNCOUNTED, L8),
        ({"kernel_size": 3, "stride": 2, "ceil_mode": True}, ((2, 8),)),
        ({"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, L8),
    )


@define
class AvgPool2D(DividedAvgPool):
    """The mean of each window: (N, C, H, W) → (N, C, H', W').

    ``count_include_pad=True`` divides by the whole window, padding included, as in
    PyTorch and Gluon; ``False`` by the number of real values. Positions beyond the
    padded input (``ceil_mode``, as in MaxPool2D) are never counted.
    ``divisor_override`` divides by that number instead (fields as
    ``torch.nn.AvgPool2d``).
    """

    dims: ClassVar[int] = 2
    examples = (
        ({"kernel_size": 2}, ((3, 6, 8),)),
        ({"kernel_size": 3, "stride": 2, "padding": 1}, ((2, 7, 6),)),
        (
            {"kernel_size": 3, "stride": 2, "padding": 1} | UNCOUNTED,
            ((2, 7, 6),),
        ),
        (
            {"kernel_size": 3, "padding": ((0, 1), (1, 0))} | UNCOUNTED,
            ((2, 6, 6),),
        ),
        ({"kernel_size": 3, "padding": ((0, 1), (1, 0))}, ((2, 6, 6),)),
        ({"kernel_size": (2, 3), "stride": 1}, ((2, 5, 6),)),
        ({"kernel_size": 3, "stride": 2, "padding": "same"}, ((2, 6, 5),)),
        ({"kernel_size": 3, "stride": 2, "ceil_mode": True}, ((2, 6, 7),)),
        ({"kernel_size": 3, "stride": 4, "ceil_mode": True}, ((2, 2, 6),)),
        ({"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, I66),
        ({"kernel_size": 2, "padding": 1, "ceil_mode": True} | UNCOUNTED, I66),
        (
            {
                "kernel_size": (3, 2),
                "stride": (2, 3),
                "padding": ((1, 0), (0, 1)),
                "ceil_mode": True,
            },
            ((2, 7, 6),),
        ),
        ({"kernel_size": 3, "stride": 2, "padding": 1, "divisor_override": 7}, I66),
        ({"kernel_size": 4, "padding": ((1, 0), (1, 1)), "divisor_override": 2}, I66),
        ({"kernel_size": 4, "ceil_mode": True, "divisor_override": 2}, I66),
    )


@define
class AvgPool3D(DividedAvgPool):
    """The mean of each window: (N, C, D, H, W) → (N, C, D', H', W').

    As AvgPool2D, over three axes (fields as ``torch.nn.AvgPool3d``).
    """

    dims: ClassVar[int] = 3
    examples = (
        ({"kernel_size": 2}, ((2, 4, 5, 4),)),
        ({"kernel_size": (2, 3, 1), "stride": (1, 2, 2), "padding": (1, 1, 0)}, D544),
        ({"kernel_size": 2, "padding": 1} | UNCOUNTED, D544),
        ({"kernel_size": 3, "stride": 2, "padding": "same"}, D544),
        ({"kernel_size": 2, "stride": 2, "ceil_mode": True}, D544),
        ({"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, D544),
        ({"kernel_size": 2, "padding": 1, "divisor_override": 3}, D544),
    )


@define_base
class NormType(Layer):
    """The field that LPPool2D has before its windows."""

    norm_type: float = field(Float(1))


@define
class LPPool2D(Pool, NormType):
    """The p-norm of each window: (N, C, H, W) → (N, C, H', W').

    ``out = (Σ |x|^p)^(1/p)`` with ``p = norm_type`` of at least 1; where the sum is 0
    the gradient is 0 (fields as ``torch.nn.LPPool2d``, which takes x^p without |·|, and
    scales up the sum of a window that extends beyond the input). ``ceil_mode`` as in
    MaxPool2D.
    """

    ceil_mode: bool = field(Bool(), default=False)

    dims: ClassVar[int] = 2
    examples = (
        ({"norm_type": 2, "kernel_size": 2}, ((3, 6, 8),)),
        ({"norm_type": 1, "kernel_size": 3, "stride": 2}, ((2, 7, 6),)),
        ({"norm_type": 3, "kernel_size": (2, 3), "stride": 1}, ((2, 5, 6),)),
        ({"norm_type": 2.5, "kernel_size": 3, "stride": 2, "ceil_mode": True}, I66),
    )

    @property
    def geometry(self) -> tuple[str | Pads, tuple[int, ...], bool]:
        """Neither padding nor dilation."""
        return ((0, 0), (0, 0)), (1, 1), self.ceil_mode

    def define(self, at: Context, *x: Array) -> Array:
        powers = np.abs(self.windows(x[0], 0.0)) ** self.norm_type
        out: Array = powers.sum(axis=self.inside) ** (1 / self.norm_type)
        return out
