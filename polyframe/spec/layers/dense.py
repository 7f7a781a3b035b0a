"""Dense layers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from polyframe.spec.element import define
from polyframe.spec.fields import UNSET, Bool, Int, field
from polyframe.spec.initializers import Fans, TorchDefault
from polyframe.spec.layers.base import Init, Layer, Moment, Parameter, Shape

__all__ = ["Dense"]


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
