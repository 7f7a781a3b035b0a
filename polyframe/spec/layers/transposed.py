"""Transposed convolution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.element import define, define_base
from polyframe.spec.field_types import InitializerField, Ints, PairsField
from polyframe.spec.fields import (
    UNSET,
    Bool,
    Int,
    Padding,
    Pair,
    Sizes,
    Spatial,
    field,
    pairs,
    short_pairs,
)
from polyframe.spec.initializers import TorchDefault
from polyframe.spec.layers.base import Context, Init, Layer, Parameter, Shape
from polyframe.spec.layers.conv import across, divisible, weight_and_bias

__all__ = ["ConvTranspose1D", "ConvTranspose2D", "ConvTranspose3D"]


@dataclass(frozen=True)
class Cropping(Spatial[tuple[Pair, ...]]):
    """What is cut off both ends: as ``Padding``, but nothing depends on the size."""

    @property
    def allowed(self) -> str:
        return Padding(self.dims).allowed.removeprefix("'same', 'valid', ")

    def check(self, value: object) -> tuple[Pair, ...]:
        """``((before, after), …)`` for each axis."""
        return pairs(value, self.dims)

    def short(self, value: tuple[Pair, ...]) -> object:
        """A number, or one for each axis, where that says it all."""
        return short_pairs(value)


@define_base
class ConvTranspose(Layer):
    """What transposed convolutions over ``dims`` spatial axes share."""

    out_channels: int = field(Int())
    kernel_size: Ints = field(Sizes())
    stride: Ints = field(Sizes(), default=1)
    padding: PairsField = field(Cropping(), default=0)
    output_padding: Ints = field(Sizes(low=0), default=0)
    groups: int = field(Int(), default=1)
    bias: bool = field(Bool(), default=True)
    dilation: Ints = field(Sizes(), default=1)
    weight_init: InitializerField = field(Init(), default=UNSET, aligned=TorchDefault())
    bias_init: InitializerField = field(Init(), default=UNSET, aligned=TorchDefault())

    short: ClassVar[str] = "deconv"
    dims: ClassVar[int]

    def __post_init__(self) -> None:
        super().__post_init__()
        for extra, s, d in zip(
            self.output_padding, self.stride, self.dilation, strict=True
        ):
            if extra >= max(s, d):
                raise SpecError(
                    f"output_padding {extra} must be smaller than stride ({s}) or "
                    f"dilation ({d})",
                    where=self.label,
                )

    @property
    def out_axis(self) -> int | None:
        return 1 if self.groups == 1 else None  # else it counts those of a group

    def full(self, size: Shape) -> Shape:
        """The output's size before anything is cut off or added."""
        return tuple(
            (n - 1) * s + (k - 1) * d + 1
            for n, s, k, d in zip(
                size, self.stride, self.kernel_size, self.dilation, strict=True
            )
        )

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], self.dims + 1)
        channels, *size = shapes[0]
        divisible("input channels", channels, self.groups)
        divisible("out_channels", self.out_channels, self.groups)
        out = []
        for n, (low, high), extra in zip(
            self.full(tuple(size)), self.padding, self.output_padding, strict=True
        ):
            if n + extra - low - high < 1:
                raise SpecError(
                    f"padding {low} + {high} leaves nothing of an axis of {n + extra}",
                    hint="less padding: here it shrinks the output",
                )
            out.append(n + extra - low - high)
        return (self.out_channels, *out)

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        shape = (shapes[0][0], self.out_channels // self.groups, *self.kernel_size)
        return weight_and_bias(self, shape, self.out_channels)

    def multiply_adds(self, *shapes: Shape) -> int:
        per_input = self.out_channels // self.groups * math.prod(self.kernel_size)
        return math.prod(shapes[0]) * per_input

    def define(self, at: Context, *x: Array) -> Array:
        n, c, *size = x[0].shape
        g = self.groups
        values = x[0].reshape(n, g, c // g, *size)
        weight = at["weight"].reshape(g, c // g, -1, *self.kernel_size)
        weight = np.moveaxis(weight, (0, 1, 2), (-3, -2, -1))  # the kernel's axes first
        full = self.full(tuple(size))
        grown = (m + e for m, e in zip(full, self.output_padding, strict=True))
        out = np.zeros((n, self.out_channels, *grown), x[0].dtype)
        whole = (slice(None), slice(None))
        for position in np.ndindex(*self.kernel_size):
            part = np.einsum("ngc...,gco->ngo...", values, weight[position])
            steps = zip(position, self.dilation, size, self.stride, strict=True)
            where = (slice(u * d, u * d + (m - 1) * s + 1, s) for u, d, m, s in steps)
            out[(*whole, *where)] += part.reshape(n, -1, *size)
        ends = zip(out.shape[2:], self.padding, strict=True)
        inner = (slice(low, m - high) for m, (low, high) in ends)
        out = out[(*whole, *inner)]
        return out + across(at["bias"], self.dims) if self.bias else out


@define
class ConvTranspose1D(ConvTranspose):
    """1-D transposed convolution: (N, C, L) → (N, out_channels, L').

    As ConvTranspose2D, along one axis (fields as ``torch.nn.ConvTranspose1d``).

    Weights: ``weight`` (C, out_channels/groups, k), ``bias`` (out_channels,).
    """

    dims: ClassVar[int] = 1
    examples = (
        ({"out_channels": 3, "kernel_size": 3}, ((2, 4),)),
        ({"out_channels": 3, "kernel_size": 2, "stride": 2, "bias": False}, ((2, 4),)),
        (
            {
                "out_channels": 2,
                "kernel_size": 3,
                "stride": 2,
                "padding": 1,
                "output_padding": 1,
            },
            ((4, 3),),
        ),
        (
            {"out_channels": 4, "kernel_size": 3, "padding": ((2, 1),), "groups": 2},
            ((4, 5),),
        ),
        (
            {
                "out_channels": 4,
                "kernel_size": 3,
                "stride": 2,
                "dilation": 3,
                "groups": 2,
                "output_padding": 2,
            },
            ((2, 4),),
        ),
        ({"out_channels": 2, "kernel_size": 2, "stride": 3, "padding": 3}, ((2, 5),)),
        ({"out_channels": 2, "kernel_size": 2, "dilation": 2}, ((2, 3),)),
    )


@define
class ConvTranspose2D(ConvTranspose):
    """2-D transposed convolution: (N, C, H, W) → (N, out_channels, H', W').

    Each input value adds the kernel, multiplied by the value, to the output:
    ``out[n,o, i·s+u·d-top, j·s+v·d-left] += weight[c,o,u,v] · x[n,c,i,j]``, plus
    ``bias[o]`` (Dumoulin & Visin 2016, section 4; fields as
    ``torch.nn.ConvTranspose2d``). It is the gradient of Conv2D with respect to
    its input.

    - ``padding``: what is cut off the output's ends, so that it undoes the size of a
      Conv2D with that padding: a number, a pair, or ((top, bottom), (left, right)).
    - ``output_padding``: what is added at the bottom and on the right, smaller than
      stride or dilation: ``H' = (H-1)·s - top - bottom + (kh-1)·d + 1 +
      output_padding``. Keras's option of that name is something else.
    - ``groups``: channels are split into that many independent convolutions.

    Weights: ``weight`` (C, out_channels/groups, kh, kw), ``bias`` (out_channels,).
    """

    dims: ClassVar[int] = 2
    examples = (
        ({"out_channels": 3, "kernel_size": 3}, ((2, 4, 3),)),
        (
            {"out_channels": 3, "kernel_size": 2, "stride": 2, "bias": False},
            ((2, 3, 4),),
        ),
        (
            {
                "out_channels": 2,
                "kernel_size": 3,
                "stride": 2,
                "padding": 1,
                "output_padding": 1,
            },
            ((4, 3, 4),),
        ),
        (
            {"out_channels": 2, "kernel_size": 4, "stride": 2, "padding": 1},
            ((3, 3, 2),),
        ),
        (
            {
                "out_channels": 2,
                "kernel_size": (3, 2),
                "stride": (1, 3),
                "padding": ((2, 1), (0, 1)),
                "output_padding": (0, 2),
            },
            ((2, 4, 3),),
        ),
        (
            {
                "out_channels": 4,
                "kernel_size": 3,
                "groups": 2,
                "stride": (3, 1),
                "padding": ((0, 3), (1, 0)),
                "output_padding": (1, 0),
            },
            ((2, 3, 4),),
        ),
        ({"out_channels": 2, "kernel_size": 3, "dilation": 2}, ((2, 3, 4),)),
        (
            {
                "out_channels": 3,
                "kernel_size": 2,
                "dilation": (3, 2),
                "padding": (1, 0),
                "output_padding": (2, 1),
            },
            ((3, 3, 2),),
        ),
        (
            {
                "out_channels": 6,
                "kernel_size": 2,
                "stride": 2,
                "dilation": 2,
                "groups": 2,
                "padding": ((1, 0), (2, 1)),
                "output_padding": 1,
            },
            ((4, 3, 4),),
        ),
        ({"out_channels": 3, "kernel_size": 3, "groups": 3, "stride": 2}, ((3, 3, 2),)),
        (
            {"out_channels": 2, "kernel_size": 2, "stride": 2, "padding": 3},
            ((2, 5, 4),),
        ),
        ({"out_channels": 2, "kernel_size": 1, "stride": (2, 3)}, ((2, 2, 3),)),
    )


@define
class ConvTranspose3D(ConvTranspose):
    """3-D transposed convolution: (N, C, D, H, W) → (N, out_channels, D', H', W').

    As ConvTranspose2D, along depth, height and width (fields as
    ``torch.nn.ConvTranspose3d``).

    Weights: ``weight`` (C, out_channels/groups, kd, kh, kw), ``bias`` (out_channels,).
    """

    dims: ClassVar[int] = 3
    examples = (
        ({"out_channels": 2, "kernel_size": 2}, ((2, 2, 3, 2),)),
        (
            {"out_channels": 2, "kernel_size": 2, "stride": 2, "bias": False},
            ((2, 2, 2, 3),),
        ),
        (
            {
                "out_channels": 4,
                "kernel_size": 3,
                "stride": 2,
                "padding": 1,
                "output_padding": 1,
                "groups": 2,
            },
            ((2, 2, 2, 1),),
        ),
        (
            {
                "out_channels": 2,
                "kernel_size": (1, 2, 3),
                "stride": (1, 2, 3),
                "padding": ((0, 1), (1, 0), (2, 1)),
                "output_padding": (0, 1, 2),
            },
            ((2, 3, 2, 3),),
        ),
        (
            {
                "out_channels": 2,
                "kernel_size": 2,
                "stride": (2, 1, 1),
                "dilation": (2, 1, 3),
                "output_padding": (1, 0, 2),
                "groups": 2,
            },
            ((2, 2, 3, 2),),
        ),
    )
