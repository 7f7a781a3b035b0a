"""Pooling."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from polyframe.errors import SpecError
from polyframe.spec.element import define
from polyframe.spec.fields import Bool, Padding, Pair, field
from polyframe.spec.layers.base import Layer, Moment, Shape
from polyframe.spec.layers.windows import Pads, output_size, resolve_padding, windows


class Pool2D(Layer):
    """What max and average pooling share: the window's geometry."""

    kernel_size: Any
    stride: Any
    padding: Any
    short: ClassVar[str] = "pool"

    @property
    def steps(self) -> tuple[int, int]:
        """The stride; the kernel's size where none is given."""
        steps: tuple[int, int] = self.stride or self.kernel_size
        return steps

    def pads(self, shape: Shape) -> Pads:
        """The explicit padding for one input shape (C, H, W)."""
        size = (shape[1], shape[2])
        return resolve_padding(self.padding, size, self.kernel_size, self.steps)

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], 3)
        channels, height, width = shapes[0]
        pads = self.pads(shapes[0])
        # More than half a window of padding could leave a window with nothing in it.
        for k, (lo, hi) in zip(self.kernel_size, pads, strict=True):
            if max(lo, hi) > k // 2:
                raise SpecError(
                    f"padding {max(lo, hi)} is more than half of its kernel ({k})"
                )
        size = output_size((height, width), self.kernel_size, self.steps, pads)
        return (channels, *size)


@define
class MaxPool2D(Pool2D):
    """The largest value of each window: (N, C, H, W) → (N, C, H', W').

    Padding counts as -∞. Of equal values the first in row-major order gets the
    gradient. ``stride`` defaults to the kernel's size; ``padding`` as in Conv2D, at
    most half of the kernel (fields as ``torch.nn.MaxPool2d``).
    """

    kernel_size: Any = field(Pair())
    stride: Any = field(Pair(optional=True), default=None)
    padding: Any = field(Padding(), default=((0, 0), (0, 0)))

    examples = (
        ({"kernel_size": 2}, ((3, 6, 8),)),
        ({"kernel_size": 2}, ((2, 5, 7),)),
        ({"kernel_size": 3, "stride": 2, "padding": 1}, ((2, 7, 6),)),
        ({"kernel_size": (2, 3), "stride": 1}, ((2, 5, 6),)),
        ({"kernel_size": 3, "stride": 2, "padding": ((0, 1), (1, 0))}, ((2, 6, 6),)),
        ({"kernel_size": 3, "stride": 2, "padding": "same"}, ((2, 6, 5),)),
    )

    def define(self, at: Moment, *x: np.ndarray) -> np.ndarray:
        pads = self.pads(x[0].shape[1:])
        view = windows(x[0], self.kernel_size, self.steps, pads, (1, 1), -np.inf)
        return view.max(axis=(4, 5))


@define
class AvgPool2D(Pool2D):
    """The mean of each window: (N, C, H, W) → (N, C, H', W').

    ``count_include_pad=True`` divides by the whole window, padding included, as in
    PyTorch and Gluon; ``False`` by the number of real values (fields as
    ``torch.nn.AvgPool2d``).
    """

    kernel_size: Any = field(Pair())
    stride: Any = field(Pair(optional=True), default=None)
    padding: Any = field(Padding(), default=((0, 0), (0, 0)))
    count_include_pad: bool = field(Bool(), default=True)

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
        pads = self.pads(shape)
        fill = 1.0 if self.count_include_pad else 0.0
        ones = np.ones((1, 1, *shape[1:]))
        view = windows(ones, self.kernel_size, self.steps, pads, (1, 1), fill)
        counts: np.ndarray = view.sum(axis=(4, 5))[0, 0]
        return counts

    def define(self, at: Moment, *x: np.ndarray) -> np.ndarray:
        pads = self.pads(x[0].shape[1:])
        view = windows(x[0], self.kernel_size, self.steps, pads, (1, 1), 0.0)
        return view.sum(axis=(4, 5)) / self.counts(x[0].shape[1:])


@define
class GlobalAvgPool2D(Layer):
    """The mean over height and width: (N, C, H, W) → (N, C).

    Lin et al. 2014, section 3.2.
    """

    short: ClassVar[str] = "pool"
    examples = (({}, ((3, 4, 5),)),)

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], 3)
        return (shapes[0][0],)

    def define(self, at: Moment, *x: np.ndarray) -> np.ndarray:
        return x[0].mean(axis=(2, 3))
