"""Layers that are random while training and the identity otherwise.

With aligned semantics the random factors are drawn by polyframe, keyed by seed, step,
node and sample, and enter every backend's program as an input; with native semantics
each framework draws its own.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from polyframe.io.array import Array
from polyframe.spec.element import define, define_base
from polyframe.spec.fields import Float, field
from polyframe.spec.layers.base import Context, Layer, Shape

__all__ = ["DropPath", "Dropout", "GaussianNoise", "SpatialDropout2D"]


@define_base
class Dropping(Layer):
    """What layers that zero at random with probability p share: factors 0, 1/(1-p)."""

    p: float = field(Float(0.0, 1.0), default=0.5)

    random: ClassVar[bool] = True

    def infer(self, *shapes: Shape) -> Shape:
        return shapes[0]

    def draw(self, bits: Array) -> Array:
        kept = bits >= self.p * 2**32
        return kept / (1 - self.p) if self.p < 1 else np.zeros(bits.shape)

    def draw_formula(self) -> str:
        if self.p == 1:
            return "np.zeros(bits.shape)"
        return f"(bits >= {self.p!r} * 2**32) / (1 - {self.p!r})"

    def define(self, at: Context, *x: Array) -> Array:
        return x[0] * at.draw if at.training and at.draw is not None else x[0]


@define
class Dropout(Dropping):
    """Inverted dropout: values are zeroed with probability p, the others times 1/(1-p).

    Srivastava et al. 2014, section 10. Inference is the identity.
    """

    short: ClassVar[str] = "dropout"
    examples = (({}, ((7,),)), ({"p": 0.2}, ((2, 3, 4),)))

    def draw_shape(self, *shapes: Shape) -> Shape:
        return shapes[0]


@define
class SpatialDropout2D(Dropping):
    """Dropout of whole channels of (N, C, H, W): one factor for each.

    Tompson et al. 2015, section 3.2; ``torch.nn.Dropout2d``.
    """

    short: ClassVar[str] = "dropout"
    examples = (({}, ((4, 3, 2),)), ({"p": 0.2}, ((6, 2, 2),)))

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], 3)
        return shapes[0]

    def draw_shape(self, *shapes: Shape) -> Shape:
        return (shapes[0][0], 1, 1)


@define
class DropPath(Dropping):
    """Stochastic depth: samples are zeroed with probability p, the others times 1/(1-p).

    Huang et al. 2016, section 3; it stands at the end of a residual branch.
    """

    short: ClassVar[str] = "drop_path"
    examples = (
        ({}, ((3, 4, 2),)),
        ({"p": 0.2}, ((6,),)),
        ({}, ((3, 4),)),
        ({}, ((2, 2, 3, 2),)),
    )

    def draw_shape(self, *shapes: Shape) -> Shape:
        return (1,) * len(shapes[0])


@define
class GaussianNoise(Layer):
    """``x + stddev · z``, z being normal, while training (Keras's layer of that name).

    Aligned, z = √(-2 log u) · cos(2π v) with u, v from two 32-bit integers for each
    value (Box & Muller 1958), u in (0, 1]: |z| is at most 6.7.
    """

    stddev: float = field(Float(0.0), default=1.0)

    short: ClassVar[str] = "noise"
    random: ClassVar[bool] = True
    examples = (
        ({}, ((3, 4, 2),)),
        ({"stddev": 0.1}, ((6,),)),
        ({"stddev": 2.5}, ((3, 4),)),
        ({}, ((2, 2, 3, 2),)),
    )

    def infer(self, *shapes: Shape) -> Shape:
        return shapes[0]

    def draw_shape(self, *shapes: Shape) -> Shape:
        return (*shapes[0], 2)

    def draw(self, bits: Array) -> Array:
        u, v = (bits[..., 0] + 1.0) / 2**32, bits[..., 1] / 2**32
        noise: Array = np.sqrt(-2 * np.log(u)) * np.cos(2 * math.pi * v)
        return self.stddev * noise

    def draw_formula(self) -> str:
        return (
            f"{self.stddev!r} * (np.sqrt(-2 * np.log((bits[..., 0] + 1.0) / 2**32))"
            " * np.cos(2 * np.pi * (bits[..., 1] / 2**32)))"
        )

    def define(self, at: Context, *x: Array) -> Array:
        return x[0] + at.draw if at.training and at.draw is not None else x[0]
