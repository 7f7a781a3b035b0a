"""Dense layers, and what usually stands around them."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from polyframe.spec.element import define
from polyframe.spec.fields import UNSET, Bool, Float, Int, field
from polyframe.spec.initializers import Fans, TorchDefault
from polyframe.spec.layers.base import Init, Layer, Moment, Parameter, Shape


@define
class Dense(Layer):
    """A fully connected layer: (N, D) → (N, out_features), ``y = x · weightᵀ + bias``.

    Weights: ``weight`` (out_features, D), ``bias`` (out_features,); initializers UNSET
    are PyTorch's U(±1/√D) when aligned.
    """

    out_features: int = field(Int())
    bias: bool = field(Bool(), default=True)
    weight_init: Any = field(Init(), default=UNSET, aligned=TorchDefault())
    bias_init: Any = field(Init(), default=UNSET, aligned=TorchDefault())

    short: ClassVar[str] = "fc"
    examples = (
        ({"out_features": 4}, ((6,),)),
        ({"out_features": 1, "bias": False}, ((5,),)),
    )

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], 1)
        return (self.out_features,)

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        features = shapes[0][0]
        fans = Fans(features, self.out_features)
        shape = (self.out_features, features)
        found = {"weight": Parameter(shape, self.weight_init, fans)}
        if self.bias:
            found["bias"] = Parameter((self.out_features,), self.bias_init, fans)
        return found

    def multiply_adds(self, *shapes: Shape) -> int:
        return self.out_features * shapes[0][0]

    def define(self, at: Moment, *x: np.ndarray) -> np.ndarray:
        out = x[0] @ at["weight"].T
        return out + at["bias"] if self.bias else out


@define
class Flatten(Layer):
    """A sample as one vector, in the order C, H, W: (N, C, H, W) → (N, C·H·W)."""

    short: ClassVar[str] = "flatten"
    examples = (({}, ((2, 3, 4),)), ({}, ((5,),)))

    def infer(self, *shapes: Shape) -> Shape:
        return (math.prod(shapes[0]),)

    def define(self, at: Moment, *x: np.ndarray) -> np.ndarray:
        return x[0].reshape(len(x[0]), -1)


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
