"""Depthwise and depthwise separable convolution."""

from __future__ import annotations

from typing import ClassVar

from polyframe.io.array import Array
from polyframe.spec.element import define
from polyframe.spec.field_types import InitializerField, Ints, PaddingField
from polyframe.spec.fields import UNSET, Bool, Int, Padding, Sizes, field
from polyframe.spec.initializers import TorchDefault
from polyframe.spec.layers.base import Context, Init, Layer, Parameter, Shape
from polyframe.spec.layers.conv import Conv2D
from polyframe.spec.layers.windows import Pads

__all__ = ["DepthwiseConv2D", "SeparableConv2D"]


@define
class DepthwiseConv2D(Layer):
    """A convolution of each channel alone: (N, C, H, W) → (N, C·m, H', W').

    ``Conv2D(C·m, …, groups=C)`` with ``m = depth_multiplier``: output channel
    ``c·m + q`` is channel ``c`` under its kernel ``q`` (Sifre 2014, section 6.2;
    Howard et al. 2017, section 3.1). Fields as in Conv2D. PyTorch has no layer of this
    name; its fans are those of the grouped convolution, here in every framework.

    Weights: ``weight`` (C·m, 1, kh, kw), ``bias`` (C·m,).
    """

    kernel_size: Ints = field(Sizes())
    depth_multiplier: int = field(Int(), default=1)
    stride: Ints = field(Sizes(), default=1)
    padding: PaddingField = field(Padding(), default=0)
    dilation: Ints = field(Sizes(), default=1)
    bias: bool = field(Bool(), default=True)
    weight_init: InitializerField = field(Init(), default=UNSET, aligned=TorchDefault())
    bias_init: InitializerField = field(Init(), default=UNSET, aligned=TorchDefault())

    short: ClassVar[str] = "depthwise"
    dims: ClassVar[int] = 2
    examples = (
        ({"kernel_size": 3}, ((3, 5, 6),)),
        ({"kernel_size": 3, "depth_multiplier": 2, "padding": "same"}, ((3, 5, 4),)),
        ({"kernel_size": 3, "stride": 2, "padding": 1, "bias": False}, ((4, 6, 5),)),
        ({"kernel_size": 3, "stride": 2, "padding": "same"}, ((2, 6, 5),)),
        ({"kernel_size": (2, 3), "stride": (1, 2), "padding": "same"}, ((3, 6, 5),)),
        ({"kernel_size": 3, "dilation": 2, "padding": ((2, 1), (0, 3))}, ((2, 6, 5),)),
        (
            {"kernel_size": 3, "dilation": 2, "depth_multiplier": 3, "padding": 2},
            ((2, 6, 5),),
        ),
        (
            {
                "kernel_size": 2,
                "dilation": (2, 3),
                "stride": (2, 4),
                "depth_multiplier": 2,
                "padding": 1,
            },
            ((3, 7, 9),),
        ),
        ({"kernel_size": 2}, ((1, 4, 4),)),
        ({"kernel_size": (3, 5), "padding": (1, 2)}, ((4, 1, 1),)),
    )

    def pads(self, shape: Shape) -> Pads:
        """The explicit padding for one input shape (C, H, W)."""
        return self.conv(shape[0]).pads(shape)

    @property
    def out_axis(self) -> int | None:
        return 0

    def conv(self, channels: int) -> Conv2D:
        """The grouped convolution that it is."""
        return Conv2D(
            channels * self.depth_multiplier,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            channels,
            self.bias,
            weight_init=self.weight_init,
            bias_init=self.bias_init,
        )

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], 3)
        return self.conv(shapes[0][0]).infer(*shapes)

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        return self.conv(shapes[0][0]).parameters(*shapes)

    def multiply_adds(self, *shapes: Shape) -> int:
        return self.conv(shapes[0][0]).multiply_adds(*shapes)

    def define(self, at: Context, *x: Array) -> Array:
        return self.conv(x[0].shape[1]).define(at, *x)


@define
class SeparableConv2D(Layer):
    """A depthwise convolution, then one of 1×1: (N, C, H, W) → (N, out_channels, …).

    ``Conv2D(C·m, …, groups=C, bias=False)`` and ``Conv2D(out_channels, 1)`` with
    ``m = depth_multiplier`` (Chollet 2017, section 1). Fields as in Conv2D;
    ``weight_init`` is for both weights.

    Weights: ``depthwise_weight`` (C·m, 1, kh, kw), ``pointwise_weight``
    (out_channels, C·m, 1, 1), ``bias`` (out_channels,).
    """

    out_channels: int = field(Int())
    kernel_size: Ints = field(Sizes())
    depth_multiplier: int = field(Int(), default=1)
    stride: Ints = field(Sizes(), default=1)
    padding: PaddingField = field(Padding(), default=0)
    dilation: Ints = field(Sizes(), default=1)
    bias: bool = field(Bool(), default=True)
    weight_init: InitializerField = field(Init(), default=UNSET, aligned=TorchDefault())
    bias_init: InitializerField = field(Init(), default=UNSET, aligned=TorchDefault())

    short: ClassVar[str] = "separable"
    dims: ClassVar[int] = 2
    examples = (
        ({"out_channels": 4, "kernel_size": 3}, ((3, 5, 6),)),
        (
            {
                "out_channels": 2,
                "kernel_size": 3,
                "depth_multiplier": 2,
                "padding": "same",
            },
            ((3, 5, 4),),
        ),
        (
            {
                "out_channels": 5,
                "kernel_size": 3,
                "stride": 2,
                "padding": 1,
                "bias": False,
            },
            ((4, 6, 5),),
        ),
        (
            {
                "out_channels": 3,
                "kernel_size": (2, 3),
                "stride": (1, 2),
                "padding": "same",
            },
            ((3, 6, 5),),
        ),
        (
            {
                "out_channels": 3,
                "kernel_size": 3,
                "dilation": 2,
                "padding": ((2, 1), (0, 3)),
            },
            ((2, 6, 5),),
        ),
        (
            {
                "out_channels": 3,
                "kernel_size": 2,
                "dilation": (2, 3),
                "stride": (2, 4),
                "depth_multiplier": 2,
                "padding": 1,
            },
            ((3, 7, 9),),
        ),
        ({"out_channels": 2, "kernel_size": 2}, ((1, 4, 4),)),
    )

    def pads(self, shape: Shape) -> Pads:
        """The explicit padding for one input shape (C, H, W)."""
        return self.depthwise(shape[0]).pads(shape)

    def depthwise(self, channels: int) -> Conv2D:
        """Its first half."""
        return Conv2D(
            channels * self.depth_multiplier,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            channels,
            False,
            weight_init=self.weight_init,
        )

    def pointwise(self) -> Conv2D:
        """Its second half."""
        return Conv2D(
            self.out_channels,
            1,
            bias=self.bias,
            weight_init=self.weight_init,
            bias_init=self.bias_init,
        )

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], 3)
        return self.pointwise().infer(self.depthwise(shapes[0][0]).infer(*shapes))

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        first = self.depthwise(shapes[0][0])
        second = self.pointwise().parameters(first.infer(*shapes))
        weights = {"depthwise_weight": first.parameters(*shapes)["weight"]}
        weights["pointwise_weight"] = second.pop("weight")
        return weights | second

    def multiply_adds(self, *shapes: Shape) -> int:
        first = self.depthwise(shapes[0][0])
        second = self.pointwise().multiply_adds(first.infer(*shapes))
        return first.multiply_adds(*shapes) + second

    def define(self, at: Context, *x: Array) -> Array:
        first = Context({"weight": at["depthwise_weight"]})
        second = Context({**at.parameters, "weight": at["pointwise_weight"]})
        between = self.depthwise(x[0].shape[1]).define(first, *x)
        return self.pointwise().define(second, between)
