"""Convolution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from polyframe.errors import SpecError
from polyframe.spec.element import define
from polyframe.spec.fields import UNSET, Bool, Int, Padding, Sizes, field
from polyframe.spec.initializers import Fans, TorchDefault
from polyframe.spec.layers.base import Init, Layer, Moment, Parameter, Shape
from polyframe.spec.layers.windows import Pads, output_size, resolve_padding, windows

__all__ = ["Conv2D"]


@dataclass(frozen=True)
class Conv(Layer):
    """What convolutions over one, two and three spatial axes (``dims``) share."""

    out_channels: int = field(Int())
    kernel_size: Any = field(Sizes())
    stride: Any = field(Sizes(), default=1)
    padding: Any = field(Padding(), default=0)
    dilation: Any = field(Sizes(), default=1)
    groups: int = field(Int(), default=1)
    bias: bool = field(Bool(), default=True)
    weight_init: Any = field(Init(), default=UNSET, aligned=TorchDefault())
    bias_init: Any = field(Init(), default=UNSET, aligned=TorchDefault())

    short: ClassVar[str] = "conv"
    dims: ClassVar[int]

    def pads(self, shape: Shape) -> Pads:
        """The explicit padding for one input shape (C, …)."""
        return resolve_padding(
            self.padding, shape[1:], self.kernel_size, self.stride, self.dilation
        )

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], self.dims + 1)
        channels, *size = shapes[0]
        for what, n in (
            ("input channels", channels),
            ("out_channels", self.out_channels),
        ):
            if n % self.groups:
                raise SpecError(
                    f"{what} (={n}) must be divisible by groups (={self.groups})"
                )
        pads = self.pads(shapes[0])
        found = output_size(
            tuple(size), self.kernel_size, self.stride, pads, self.dilation
        )
        return (self.out_channels, *found)

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        per_group = shapes[0][0] // self.groups
        area = math.prod(self.kernel_size)
        fans = Fans(per_group * area, self.out_channels // self.groups * area)
        shape = (self.out_channels, per_group, *self.kernel_size)
        found = {"weight": Parameter(shape, self.weight_init, fans)}
        if self.bias:
            found["bias"] = Parameter((self.out_channels,), self.bias_init, fans)
        return found

    def multiply_adds(self, *shapes: Shape) -> int:
        per_output = shapes[0][0] // self.groups * math.prod(self.kernel_size)
        return math.prod(self.infer(*shapes)) * per_output

    def define(self, at: Moment, *x: np.ndarray) -> np.ndarray:
        pads = self.pads(x[0].shape[1:])
        view = windows(x[0], self.kernel_size, self.stride, pads, self.dilation, 0.0)
        n, c, *rest = view.shape  # rest: the output's size, then the kernel's
        g = self.groups
        view = view.reshape(n, g, c // g, *rest)
        weight = at["weight"].reshape(g, -1, c // g, *self.kernel_size)
        place, inside = "hwd"[: self.dims], "uvt"[: self.dims]
        rule = f"ngc{place}{inside},goc{inside}->ngo{place}"
        out = np.einsum(rule, view, weight, optimize=True)
        out = out.reshape(n, self.out_channels, *rest[: self.dims])
        return out + across(at["bias"], self.dims) if self.bias else out


def across(values: np.ndarray, dims: int) -> np.ndarray:
    """One value per channel, so that it meets (N, C, …)."""
    return values.reshape(-1, *[1] * dims)


@define
class Conv2D(Conv):
    """2-D convolution (cross-correlation): (N, C, H, W) → (N, out_channels, H', W').

    ``out[n,o,i,j] = bias[o] + Σ_{c,u,v} weight[o,c,u,v] · x[n,c, i·s+u·d, j·s+v·d]``
    over the zero-padded input, ``H' = ⌊(H + top + bottom - (kh-1)·d - 1)/s⌋ + 1``
    (Dumoulin & Visin 2016, section 2.4; fields as ``torch.nn.Conv2d``).

    - ``padding``: a number, a pair (height, width), ((top, bottom), (left, right)),
      "valid" (0), or "same": output ⌈H/s⌉, the odd one of an uneven total after.
    - ``groups``: channels are split into that many independent convolutions.
    - ``weight_init``, ``bias_init``: UNSET is PyTorch's U(±1/√fan_in) when aligned.

    Weights: ``weight`` (out_channels, C/groups, kh, kw), ``bias`` (out_channels,).
    """

    dims: ClassVar[int] = 2
    examples = (
        ({"out_channels": 4, "kernel_size": 3}, ((3, 7, 6),)),
        ({"out_channels": 4, "kernel_size": 3, "padding": "same"}, ((2, 5, 6),)),
        (
            {"out_channels": 4, "kernel_size": 3, "padding": 1, "bias": False},
            ((3, 6, 6),),
        ),
        (
            {"out_channels": 4, "kernel_size": (3, 2), "stride": 2, "padding": "same"},
            ((3, 7, 6),),
        ),
        (
            {"out_channels": 3, "kernel_size": 3, "padding": ((0, 1), (2, 0))},
            ((2, 5, 6),),
        ),
        ({"out_channels": 4, "kernel_size": (1, 5), "stride": (1, 3)}, ((2, 4, 9),)),
        ({"out_channels": 3, "kernel_size": 3, "dilation": 2}, ((2, 8, 7),)),
        (
            {"out_channels": 3, "kernel_size": 2, "dilation": (2, 3), "stride": 2},
            ((2, 8, 9),),
        ),
        ({"out_channels": 6, "kernel_size": 3, "groups": 2}, ((4, 6, 5),)),
        (
            {"out_channels": 4, "kernel_size": 3, "groups": 2, "dilation": 2},
            ((4, 7, 8),),
        ),
        ({"out_channels": 8, "kernel_size": 3, "groups": 4, "stride": 2}, ((4, 6, 5),)),
        ({"out_channels": 5, "kernel_size": 1}, ((3, 4, 4),)),
    )
