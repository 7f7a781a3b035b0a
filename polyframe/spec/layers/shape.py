"""Layers that only move values: flattening, reshaping, cutting."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from polyframe.spec.element import define
from polyframe.spec.layers.base import Layer, Moment, Shape

__all__ = ["Flatten"]


@define
class Flatten(Layer):
    """A sample as one vector, in the order C, H, W: (N, C, H, W) → (N, C·H·W)."""

    short: ClassVar[str] = "flatten"
    examples = (({}, ((2, 3, 4),)), ({}, ((5,),)))

    def infer(self, *shapes: Shape) -> Shape:
        return (math.prod(shapes[0]),)

    def define(self, at: Moment, *x: np.ndarray) -> np.ndarray:
        return x[0].reshape(len(x[0]), -1)
