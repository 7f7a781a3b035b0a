"""Layers that are random while training and the identity otherwise."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from polyframe.spec.element import define
from polyframe.spec.fields import Float, field
from polyframe.spec.layers.base import Layer, Moment, Shape

__all__ = ["Dropout"]


@define
class Dropout(Layer):
    """Inverted dropout: each value is zeroed with probability p, the rest · 1/(1-p).

    Srivastava et al. 2014, section 10. Inference is the identity. With aligned
    semantics the factors (0 or 1/(1-p)) are drawn by polyframe, keyed by seed, step,
    node and sample, and enter every backend's program as an input; with native
    semantics each framework draws its own.
    """

    p: float = field(Float(0.0, 1.0), default=0.5)

    short: ClassVar[str] = "dropout"
    random: ClassVar[bool] = True
    examples = (({}, ((7,),)), ({"p": 0.2}, ((2, 3, 4),)))

    def infer(self, *shapes: Shape) -> Shape:
        return shapes[0]

    def draw_shape(self, *shapes: Shape) -> Shape:
        return shapes[0]

    def draw(self, bits: np.ndarray) -> np.ndarray:
        kept = bits >= self.p * 2**32
        return kept / (1 - self.p) if self.p < 1 else np.zeros(bits.shape)

    def define(self, at: Moment, *x: np.ndarray) -> np.ndarray:
        return x[0] * at.draw if at.training and at.draw is not None else x[0]
