"""Resizing images, and shuffling channels, also into pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.element import define
from polyframe.spec.field_types import As
from polyframe.spec.fields import Bool, Choice, Float, Int, Kind, T, field
from polyframe.spec.layers.base import Context, Layer, Shape

__all__ = ["ChannelShuffle", "PixelShuffle", "PixelUnshuffle", "Upsample"]


@dataclass(frozen=True)
class Each(Kind[T | tuple[T, ...] | None]):
    """A number for all spatial axes, or one for each; how many, the input says."""

    kind: Kind[T]

    @property
    def allowed(self) -> str:
        return f"{self.kind.allowed}, one of them for each spatial axis, or nothing"

    def check(self, value: object) -> T | tuple[T, ...] | None:
        """None, a number, or a tuple of one to three."""
        if not isinstance(value, (tuple, list)):
            return None if value is None else self.kind.check(value)
        if not 1 <= len(value) <= 3:
            raise ValueError
        return tuple(self.kind.check(n) for n in value)


def weights(mode: str, n: int, size: int, step: float, align_corners: bool) -> Array:
    """The matrix (size, n) that resizes one axis: row i has the weights of output i.

    Output i lies at ``(i + ½)·step - ½`` of the input (the middles of pixels count); at
    ``i·(n-1)/(size-1)`` with ``align_corners`` (the outer middles stay); for nearest
    neighbours at ``⌊i·step⌋``. Positions beyond the border take the border's value.
    """
    i = np.arange(size)
    at = (i + 0.5) * step - 0.5
    if mode == "nearest":
        at = np.floor((i * step).astype(np.float32))  # in float32: 1.9999999999 is 2
    elif align_corners:
        at = i * ((n - 1) / max(size - 1, 1))
    first = np.floor(at).astype(int)
    t = at - first
    taps = {0: 1 - t, 1: t}  # offset from the first -> its weight
    if mode == "bicubic":
        taps = {-1: far(1 + t), 0: near(t), 1: near(1 - t), 2: far(2 - t)}
    matrix = np.zeros((size, n))
    for offset, weight in taps.items():
        np.add.at(matrix, (i, np.clip(first + offset, 0, n - 1)), weight)
    return matrix


A = -0.75
"""The cubic kernel's derivative at distance 1, as in PyTorch (TensorFlow takes -0.5)."""


def near(d: Array) -> Array:
    """The cubic kernel at a distance up to 1 (Keys 1981, eq. 15)."""
    out: Array = ((A + 2) * d - (A + 3)) * d * d + 1
    return out


def far(d: Array) -> Array:
    """The cubic kernel at a distance from 1 to 2."""
    out: Array = ((A * d - 5 * A) * d + 8 * A) * d - 4 * A
    return out


RANKS = {
    "nearest": (2, 3, 4), "linear": (2,), "bilinear": (3,), "trilinear": (4,),
    "bicubic": (3,),
}  # fmt: skip
"""Which samples each mode is for."""


@define
class Upsample(Layer):
    """Resizing by interpolation, up or down: (N, C, H, W) → (N, C, H', W').

    - ``size``: the new size, or ``scale_factor``: ``H' = ⌊H·scale⌋``; a number, or one
      for each spatial axis. One of the two is given.
    - ``mode``: "nearest" (any rank), "linear" (C, L), "bilinear" and "bicubic" (C, H,
      W), "trilinear" (C, D, H, W). The cubic kernel has a = -0.75.
    - ``align_corners``: if true, the centres of the corner pixels of input and output
      are aligned; if false, their outer edges.

    Output i lies at ``(i + ½)·s - ½`` of the input, with ``s = H/H'`` for a ``size`` and
    ``s = 1/scale_factor`` for a scale; nearest takes ``⌊i·s⌋``. As in
    ``torch.nn.Upsample``, a scale also has ``s = H/H'`` if H' is H (except in bicubic),
    and in nearest if H' is 2·H.
    """

    size: As[int | Sequence[int] | None, int | tuple[int, ...] | None] = field(
        Each(Int()), default=None
    )
    scale_factor: As[
        float | Sequence[float] | None, float | tuple[float, ...] | None
    ] = field(Each(Float(0.0, above=True)), default=None)
    mode: str = field(Choice(tuple(RANKS)), default="nearest")
    align_corners: bool = field(Bool(), default=False)

    short: ClassVar[str] = "upsample"
    examples = (
        ({"scale_factor": 2}, ((2, 3, 4),)),
        ({"scale_factor": (2, 3)}, ((2, 3, 2),)),
        ({"scale_factor": 2}, ((2, 3),)),
        ({"scale_factor": (1, 2, 3)}, ((2, 2, 2, 3),)),
        ({"scale_factor": 1.5}, ((2, 3, 5),)),
        ({"scale_factor": 1.2}, ((2, 3, 6),)),
        ({"size": (5, 3)}, ((2, 3, 4),)),
        ({"size": 3}, ((2, 5, 4),)),
        ({"size": (82, 3)}, ((1, 2, 2),)),
        ({"size": 7}, ((2, 4),)),
        ({"scale_factor": 2, "mode": "bilinear"}, ((2, 3, 4),)),
        ({"scale_factor": (2, 3), "mode": "bilinear"}, ((2, 3, 4),)),
        ({"scale_factor": 2, "mode": "bilinear"}, ((2, 1, 4),)),
        ({"scale_factor": 1.7, "mode": "bilinear"}, ((2, 3, 4),)),
        ({"scale_factor": (1.2, 0.6), "mode": "bilinear"}, ((2, 3, 7),)),
        ({"size": (8, 4), "mode": "bilinear"}, ((2, 4, 4),)),
        ({"size": (7, 3), "mode": "bilinear"}, ((2, 4, 5),)),
        ({"size": (1, 5), "mode": "bilinear"}, ((2, 3, 4),)),
        (
            {"scale_factor": 2, "mode": "bilinear", "align_corners": True},
            ((2, 3, 4),),
        ),
        ({"size": (1, 5), "mode": "bilinear", "align_corners": True}, ((2, 3, 4),)),
        ({"scale_factor": 2, "mode": "bicubic"}, ((2, 3, 4),)),
        ({"scale_factor": 1.3, "mode": "bicubic"}, ((2, 5, 4),)),
        ({"size": (3, 7), "mode": "bicubic", "align_corners": True}, ((2, 5, 4),)),
        ({"size": (2, 4), "mode": "bilinear", "align_corners": True}, ((2, 5, 3),)),
        ({"scale_factor": 2, "mode": "linear"}, ((2, 4),)),
        ({"size": 7, "mode": "linear", "align_corners": True}, ((2, 4),)),
        ({"scale_factor": 2, "mode": "trilinear"}, ((2, 2, 3, 2),)),
        ({"size": (3, 2, 4), "mode": "trilinear"}, ((2, 2, 3, 2),)),
        ({"scale_factor": (1.2, 1.3), "mode": "bicubic"}, ((2, 2, 3),)),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.size is None) == (self.scale_factor is None):
            raise SpecError(
                "takes size or scale_factor, one of the two", where=self.label
            )
        if self.align_corners and self.mode == "nearest":
            raise SpecError(
                "align_corners is for interpolating modes",
                where=self.label,
                hint="mode bilinear or bicubic, or leave it out",
            )

    def each(self, shape: Shape) -> tuple[float, ...]:
        """The size or the scale factor of each spatial axis."""
        value = self.scale_factor if self.size is None else self.size
        axes = len(shape) - 1
        values = value if isinstance(value, tuple) else (value or 0,) * axes
        if len(values) != axes:
            raise SpecError(
                f"has {len(values)} values for the {axes} spatial axes of {shape}",
                hint="one number for all axes",
            )
        return values

    def infer(self, *shapes: Shape) -> Shape:
        channels, *size = shapes[0]
        self.needs_rank(shapes[0], *RANKS[self.mode])
        pairs = zip(size, self.each(shapes[0]), strict=True)
        by_scale = self.size is None
        new = tuple(math.floor(n * each if by_scale else each) for n, each in pairs)
        if not 1 <= min(new) <= max(new) <= Int().high:
            raise SpecError(f"makes {tuple(size)} into {new}")
        return (channels, *new)

    def steps(self, shape: Shape) -> tuple[float, ...]:
        """How far the next output is in the input, for each spatial axis."""
        steps = []
        for n, size, given in zip(
            shape[1:], self.infer(shape)[1:], self.each(shape), strict=True
        ):
            same = (n, 2 * n) if self.mode == "nearest" else (n,)
            by_size = self.size is not None or (size in same and self.mode != "bicubic")
            steps.append(n / size if by_size else 1 / given)
        return tuple(steps)

    @property
    def linear(self) -> bool:
        """Whether it is linear along each axis."""
        return self.mode.endswith("linear")

    def define(self, at: Context, *x: Array) -> Array:
        shape, y = x[0].shape[1:], x[0]
        sizes = zip(shape[1:], self.infer(shape)[1:], self.steps(shape), strict=True)
        for n, size, step in sizes:  # axis 2 becomes the last: in the end all are back
            rows = weights(self.mode, n, size, step, self.align_corners)
            y = np.tensordot(y, rows.astype(y.dtype), (2, 1))
        return y


@define
class PixelShuffle(Layer):
    """Channels into pixels: (N, C·r², H, W) → (N, C, H·r, W·r), r the upscale_factor.

    ``out[n, c, h·r + i, w·r + j] = x[n, c·r² + i·r + j, h, w]`` (Shi et al. 2016,
    section 3.2; ``torch.nn.PixelShuffle``).
    """

    upscale_factor: int = field(Int())

    short: ClassVar[str] = "pixels"
    examples = (
        ({"upscale_factor": 2}, ((8, 3, 2),)),
        ({"upscale_factor": 3}, ((9, 2, 1),)),
        ({"upscale_factor": 1}, ((2, 2, 3),)),
    )

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], 3)
        (channels, height, width), r = shapes[0], self.upscale_factor
        if channels % (r * r):
            raise SpecError(
                f"channels (={channels}) must be divisible by upscale_factor² "
                f"(={r * r})"
            )
        return (channels // (r * r), height * r, width * r)

    def define(self, at: Context, *x: Array) -> Array:
        (n, channels, h, w), r = x[0].shape, self.upscale_factor
        y = x[0].reshape(n, channels // (r * r), r, r, h, w)
        return y.transpose(0, 1, 4, 2, 5, 3).reshape(n, -1, h * r, w * r)


@define
class PixelUnshuffle(Layer):
    """Pixels into channels: (N, C, H·r, W·r) → (N, C·r², H, W), r the downscale_factor.

    The inverse of ``PixelShuffle`` (``torch.nn.PixelUnshuffle``):
    ``out[n, c·r² + i·r + j, h, w] = x[n, c, h·r + i, w·r + j]``.
    """

    downscale_factor: int = field(Int())

    short: ClassVar[str] = "channels"
    examples = (
        ({"downscale_factor": 2}, ((2, 6, 4),)),
        ({"downscale_factor": 3}, ((1, 3, 6),)),
        ({"downscale_factor": 1}, ((2, 2, 3),)),
    )

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], 3)
        (channels, height, width), r = shapes[0], self.downscale_factor
        if height % r or width % r:
            raise SpecError(
                f"height and width {(height, width)} must be divisible by "
                f"downscale_factor (={r})"
            )
        return (channels * r * r, height // r, width // r)

    def define(self, at: Context, *x: Array) -> Array:
        (n, c, h, w), r = x[0].shape, self.downscale_factor
        y = x[0].reshape(n, c, h // r, r, w // r, r)
        return y.transpose(0, 1, 3, 5, 2, 4).reshape(n, -1, h // r, w // r)


@define
class ChannelShuffle(Layer):
    """Interleaves the channels of groups: (N, C, H, W) → (N, C, H, W).

    Output channel ``j·groups + i`` is channel j of group i, ``i·(C/groups) + j`` of the
    input (Zhang et al. 2018, ShuffleNet, section 3.1; ``torch.nn.ChannelShuffle``).
    Also for (C, L) and (C, D, H, W).
    """

    groups: int = field(Int())

    short: ClassVar[str] = "shuffle"
    examples = (
        ({"groups": 2}, ((6, 3, 2),)),
        ({"groups": 3}, ((6, 2, 2),)),
        ({"groups": 1}, ((2, 2, 2),)),
        ({"groups": 2}, ((4, 3),)),
        ({"groups": 2}, ((4, 2, 3, 2),)),
    )

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], 2, 3, 4)
        if shapes[0][0] % self.groups:
            raise SpecError(
                f"channels (={shapes[0][0]}) must be divisible by groups "
                f"(={self.groups})"
            )
        return shapes[0]

    def define(self, at: Context, *x: Array) -> Array:
        n, channels, *size = x[0].shape
        grouped = x[0].reshape(n, self.groups, channels // self.groups, *size)
        return grouped.swapaxes(1, 2).reshape(x[0].shape)
