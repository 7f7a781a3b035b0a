"""Pooling windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from polyframe.errors import SpecError
from polyframe.spec.element import define
from polyframe.spec.fields import Bool, Padding, Sizes, field
from polyframe.spec.layers.base import Layer, Moment, Shape
from polyframe.spec.layers.windows import Pads, output_size, resolve_padding, windows

__all__ = ["AvgPool2D", "MaxPool2D"]


@dataclass(frozen=True)
class Pool(Layer):
    """What max and average pooling over ``dims`` spatial axes share: the windows."""

    kernel_size: Any = field(Sizes())
    stride: Any = field(Sizes(optional=True), default=None)
    padding: Any = field(Padding(), default=0)

    short: ClassVar[str] = "pool"
    dims: ClassVar[int]

    @property
    def steps(self) -> tuple[int, ...]:
        """The stride; the kernel's size where none is given."""
        steps: tuple[int, ...] = self.stride or self.kernel_size
        return steps

    @property
    def dense(self) -> tuple[int, ...]:
        """No dilation."""
        return (1,) * self.dims

    def pads(self, shape: Shape) -> Pads:
        """The explicit padding for one input shape (C, …)."""
        return resolve_padding(
            self.padding, shape[1:], self.kernel_size, self.steps, self.dense
        )

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], self.dims + 1)
        channels, *size = shapes[0]
        pads = self.pads(shapes[0])
        # More than half a window of padding could leave a window with nothing in it.
        for k, (lo, hi) in zip(self.kernel_size, pads, strict=True):
            if max(lo, hi) > k // 2:
                raise SpecError(
                    f"padding {max(lo, hi)} is more than half of its kernel ({k})"
                )
        found = output_size(tuple(size), self.kernel_size, self.steps, pads, self.dense)
        return (channels, *found)

    def windows(self, x: np.ndarray, fill: float) -> np.ndarray:
        """Every window of ``x``, padded with ``fill``: its inside at the end."""
        pads = self.pads(x.shape[1:])
        return windows(x, self.kernel_size, self.steps, pads, self.dense, fill)

    @property
    def inside(self) -> tuple[int, ...]:
        """The axes inside a window."""
        return tuple(range(-self.dims, 0))


@define
class MaxPool2D(Pool):
    """The largest value of each window: (N, C, H, W) → (N, C, H', W').

    Padding counts as -∞. Of equal values the first in row-major order gets the
    gradient. ``stride`` defaults to the kernel's size; ``padding`` as in Conv2D, at
    most half of the kernel (fields as ``torch.nn.MaxPool2d``).
    """

    dims: ClassVar[int] = 2
    examples = (
        ({"kernel_size": 2}, ((3, 6, 8),)),
        ({"kernel_size": 2}, ((2, 5, 7),)),
        ({"kernel_size": 3, "stride": 2, "padding": 1}, ((2, 7, 6),)),
        ({"kernel_size": (2, 3), "stride": 1}, ((2, 5, 6),)),
        ({"kernel_size": 3, "stride": 2, "padding": ((0, 1), (1, 0))}, ((2, 6, 6),)),
        ({"kernel_size": 3, "stride": 2, "padding": "same"}, ((2, 6, 5),)),
    )

    def define(self, at: Moment, *x: np.ndarray) -> np.ndarray:
        return self.windows(x[0], -np.inf).max(axis=self.inside)


@define
class AvgPool2D(Pool):
    """The mean of each window: (N, C, H, W) → (N, C, H', W').

    ``count_include_pad=True`` divides by the whole window, padding included, as in
    PyTorch and Gluon; ``False`` by the number of real values (fields as
    ``torch.nn.AvgPool2d``).
    """

    count_include_pad: bool = field(Bool(), default=True)

    dims: ClassVar[int] = 2
    examples = (
        ({"kernel_size": 2}, ((3, 6, 8),)),
        ({"kernel_size": 3, "stride": 2, "padding": 1}, ((2, 7, 6),)),
        (
            {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
            ((2, 7, 6),),
        ),
        (
            {"kernel_size": 3, "padding": ((0, 1), (1, 0)), "count_include_pad": False},
            ((2, 6, 6),),
        ),
        ({"kernel_size": 3, "padding": ((0, 1), (1, 0))}, ((2, 6, 6),)),
        ({"kernel_size": (2, 3), "stride": 1}, ((2, 5, 6),)),
    )

    def counts(self, shape: Shape) -> np.ndarray:
        """What each window's sum is divided by, (H', W'), for inputs (C, H, W)."""
        fill = 1.0 if self.count_include_pad else 0.0
        view = self.windows(np.ones((1, 1, *shape[1:])), fill)
        counts: np.ndarray = view.sum(axis=self.inside)[0, 0]
        return counts

    def define(self, at: Moment, *x: np.ndarray) -> np.ndarray:
        total = self.windows(x[0], 0.0).sum(axis=self.inside)
        return total / self.counts(x[0].shape[1:])
