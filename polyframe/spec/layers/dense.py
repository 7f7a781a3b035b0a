"""Dense layers and factors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from polyframe.io.array import Array
from polyframe.spec.element import define
from polyframe.spec.field_types import InitializerField
from polyframe.spec.fields import UNSET, Bool, Int, field
from polyframe.spec.initializers import Fans, Ones, TorchDefault, Zeros
from polyframe.spec.layers.base import (
    Context,
    Init,
    Layer,
    Parameter,
    Shape,
    positive_axis,
)

__all__ = ["Dense", "Scale"]


@define
class Dense(Layer):
    """A fully connected layer: (N, D) → (N, out_features), ``y = x · weightᵀ + bias``.

    Weights: ``weight`` (out_features, D), ``bias`` (out_features,); initializers UNSET
    are PyTorch's U(±1/√D) when aligned.
    """

    out_features: int = field(Int())
    bias: bool = field(Bool(), default=True)
    weight_init: InitializerField = field(Init(), default=UNSET, aligned=TorchDefault())
    bias_init: InitializerField = field(Init(), default=UNSET, aligned=TorchDefault())

    short: ClassVar[str] = "fc"
    examples = (
        ({"out_features": 4}, ((6,),)),
        ({"out_features": 1, "bias": False}, ((5,),)),
    )

    @property
    def out_axis(self) -> int | None:
        return 0

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], 1)
        return (self.out_features,)

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        features = shapes[0][0]
        fans = Fans(features, self.out_features)
        shape = (self.out_features, features)
        parameters = {"weight": Parameter(shape, self.weight_init, fans)}
        if self.bias:
            parameters["bias"] = Parameter((self.out_features,), self.bias_init, fans)
        return parameters

    def multiply_adds(self, *shapes: Shape) -> int:
        return self.out_features * shapes[0][0]

    def define(self, at: Context, *x: Array) -> Array:
        out = x[0] @ at["weight"].T
        return out + at["bias"] if self.bias else out


@define
class Scale(Layer):
    """A learnable factor, and maybe a shift, for each index of one axis: ``w · x + b``.

    Caffe's Scale; with a small ``weight_init``, the layer scale of Touvron et al. 2021
    (CaiT, section 2). ``axis`` counts as in (N, C, H, W), N being 0; it may be negative.

    Weights: ``weight``, ``bias``, each (size of the axis,).
    """

    axis: int = field(Int(-4, 4), default=1)
    bias: bool = field(Bool(), default=False)
    weight_init: InitializerField = field(Init(), default=Ones())
    bias_init: InitializerField = field(Init(), default=Zeros())

    short: ClassVar[str] = "scale"
    examples = (
        ({}, ((3, 4, 5),)),
        ({"bias": True}, ((6,),)),
        ({"axis": 2, "bias": True}, ((3, 4, 5),)),
        ({"axis": -1}, ((3, 4, 5),)),
        ({"bias": True}, ((3, 4),)),
        ({"axis": 2}, ((3, 4),)),
        ({"axis": 3, "bias": True}, ((2, 3, 4, 2),)),
    )

    @property
    def per_channel(self) -> bool:
        return self.axis == 1

    def channel_map(
        self, parameters: Mapping[str, Array], channels: int
    ) -> tuple[Array, Array]:
        return parameters["weight"], parameters.get("bias", np.zeros(channels))

    def count(self, shape: Shape) -> int:
        """The size of its axis in an input (C, …)."""
        return shape[positive_axis(self.axis, shape) - 1]

    def infer(self, *shapes: Shape) -> Shape:
        positive_axis(self.axis, shapes[0])
        return shapes[0]

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        shape = (self.count(shapes[0]),)
        parameters = {"weight": Parameter(shape, self.weight_init)}
        if self.bias:
            parameters["bias"] = Parameter(shape, self.bias_init)
        return parameters

    def define(self, at: Context, *x: Array) -> Array:
        after = x[0].ndim - 1 - positive_axis(self.axis, x[0].shape[1:])
        across = (-1, *[1] * after)
        out = at["weight"].reshape(across) * x[0]
        return out + at["bias"].reshape(across) if self.bias else out
