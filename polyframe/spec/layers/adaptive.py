"""Pooling over the whole input, or to a size that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from polyframe.io.array import Array
from polyframe.spec.element import define, define_base
from polyframe.spec.field_types import As
from polyframe.spec.fields import Bool, Int, Spatial, field
from polyframe.spec.layers.base import Context, Layer, Shape

__all__ = [
    "AdaptiveAvgPool2D",
    "AdaptiveMaxPool2D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
]


@define_base
class GlobalPool(Layer):
    """What pooling over all positions shares."""

    keepdims: bool = field(Bool(), default=False)

    short: ClassVar[str] = "pool"
    dims: ClassVar[int]

    @property
    def axes(self) -> tuple[int, ...]:
        """The spatial axes."""
        return tuple(range(2, 2 + self.dims))

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], self.dims + 1)
        return (shapes[0][0], *(1,) * (self.dims if self.keepdims else 0))


@define_base
class GlobalAvgPool(GlobalPool):
    """The mean over all positions."""

    def define(self, at: Context, *x: Array) -> Array:
        out: Array = x[0].mean(axis=self.axes, keepdims=self.keepdims)
        return out


@define_base
class GlobalMaxPool(GlobalPool):
    """The largest value over all positions."""

    def define(self, at: Context, *x: Array) -> Array:
        out: Array = x[0].max(axis=self.axes, keepdims=self.keepdims)
        return out


@define
class GlobalAvgPool1D(GlobalAvgPool):
    """The mean over all positions: (N, C, L) → (N, C), or (N, C, 1) with ``keepdims``.

    Lin et al. 2014, section 3.2, over one axis.
    """

    dims: ClassVar[int] = 1
    examples = (({}, ((3, 7),)), ({"keepdims": True}, ((3, 6),)))


@define
class GlobalAvgPool2D(GlobalAvgPool):
    """The mean over height and width: (N, C, H, W) → (N, C), or (N, C, 1, 1) with
    ``keepdims``.

    Lin et al. 2014, section 3.2.
    """

    dims: ClassVar[int] = 2
    examples = (({}, ((3, 4, 5),)), ({"keepdims": True}, ((3, 5, 4),)))


@define
class GlobalAvgPool3D(GlobalAvgPool):
    """The mean over all positions: (N, C, D, H, W) → (N, C), or (N, C, 1, 1, 1) with
    ``keepdims``.

    Lin et al. 2014, section 3.2, over three axes.
    """

    dims: ClassVar[int] = 3
    examples = (({}, ((3, 4, 3, 2),)), ({"keepdims": True}, ((3, 2, 3, 5),)))


@define
class GlobalMaxPool1D(GlobalMaxPool):
    """The largest value of all positions: (N, C, L) → (N, C), or (N, C, 1) with
    ``keepdims``. Of equal values the first gets the gradient."""

    dims: ClassVar[int] = 1
    examples = (({}, ((3, 7),)), ({"keepdims": True}, ((3, 6),)))


@define
class GlobalMaxPool2D(GlobalMaxPool):
    """The largest value of all positions: (N, C, H, W) → (N, C), or (N, C, 1, 1) with
    ``keepdims``. Of equal values the first in row-major order gets the gradient."""

    dims: ClassVar[int] = 2
    examples = (({}, ((3, 4, 5),)), ({"keepdims": True}, ((3, 5, 4),)))


@define
class GlobalMaxPool3D(GlobalMaxPool):
    """The largest value of all positions: (N, C, D, H, W) → (N, C), or (N, C, 1, 1, 1)
    with ``keepdims``. Of equal values the first in row-major order gets the gradient.
    """

    dims: ClassVar[int] = 3
    examples = (({}, ((3, 4, 3, 2),)), ({"keepdims": True}, ((3, 2, 3, 5),)))


@dataclass(frozen=True)
class Output(Spatial[tuple[int | None, ...]]):
    """A size for all spatial axes, or one for each, in which nothing keeps the input's:
    ``7`` or ``(7, None)``."""

    @property
    def allowed(self) -> str:
        each = Int().allowed
        return f"{each}, or {self.several()} of them, each a number or nothing"

    def check(self, value: object) -> tuple[int | None, ...]:
        """Always a number, or None, for each axis."""
        if not isinstance(value, (tuple, list)):
            return (Int().check(value),) * self.dims
        if len(value) != self.dims:
            raise ValueError
        return tuple(None if v is None else Int().check(v) for v in value)

    def short(self, value: tuple[int | None, ...]) -> object:
        """One number where all are equal."""
        same = len(set(value)) == 1 and value[0] is not None
        return value[0] if same else value


@define_base
class AdaptivePool(Layer):
    """What pooling to a given size shares: the windows."""

    output_size: As[int | Sequence[int | None], tuple[int | None, ...]] = field(
        Output()
    )

    short: ClassVar[str] = "pool"
    dims: ClassVar[int] = 2

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], self.dims + 1)
        channels, *size = shapes[0]
        pairs = zip(self.output_size, size, strict=True)
        return (channels, *(n if out is None else out for out, n in pairs))

    def even_windows(self, shape: Shape) -> tuple[int, ...] | None:
        """The windows' size where all are of one size and side by side."""
        pairs = list(zip(shape[1:], self.infer(shape)[1:], strict=True))
        if any(n % out for n, out in pairs):
            return None
        return tuple(n // out for n, out in pairs)

    def reduce(self, x: Array, of: Callable[..., Array]) -> Array:
        """``of`` each window."""
        channels, height, width = self.infer(x.shape[1:])
        out = np.empty((len(x), channels, height, width), x.dtype)
        for i, j in np.ndindex(height, width):
            rows = slice(*span(i, x.shape[2], height))
            columns = slice(*span(j, x.shape[3], width))
            out[:, :, i, j] = of(x[:, :, rows, columns], axis=(2, 3))
        return out


def span(i: int, n: int, out: int) -> tuple[int, int]:
    """Where window ``i`` of ``out`` starts and stops on an axis of length ``n``."""
    return i * n // out, -(-(i + 1) * n // out)


EXAMPLES = (
    ({"output_size": 1}, ((3, 4, 5),)),
    ({"output_size": (2, 3)}, ((3, 4, 9),)),
    ({"output_size": 3}, ((2, 7, 5),)),
    ({"output_size": (None, 2)}, ((2, 3, 5),)),
    ({"output_size": (4, None)}, ((2, 6, 5),)),
    ({"output_size": (None, None)}, ((2, 3, 4),)),
    ({"output_size": (5, 3)}, ((2, 3, 8),)),
)


@define
class AdaptiveAvgPool2D(AdaptivePool):
    """The mean of H' · W' windows that cover the input: (N, C, H, W) → (N, C, H', W').

    Window i of an axis goes from ``⌊i·n/n'⌋`` to ``⌈(i+1)·n/n'⌉``, the end excluded, so
    that windows may overlap, and repeat where n' > n (He et al. 2015, section 3.1;
    ``torch.nn.AdaptiveAvgPool2d``). In ``output_size``, None keeps the input's size.
    """

    examples = EXAMPLES

    def define(self, at: Context, *x: Array) -> Array:
        return self.reduce(x[0], np.mean)


@define
class AdaptiveMaxPool2D(AdaptivePool):
    """The largest value of H' · W' windows that cover the input: (N, C, H, W) →
    (N, C, H', W').

    Windows as in AdaptiveAvgPool2D. Of equal values the first in row-major order gets
    the gradient.
    """

    examples = EXAMPLES

    def define(self, at: Context, *x: Array) -> Array:
        return self.reduce(x[0], np.max)
