"""Convolution."""

from __future__ import annotations

import math
from typing import ClassVar, Protocol

import numpy as np

from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.element import define, define_base
from polyframe.spec.field_types import InitializerField, Ints, PaddingField
from polyframe.spec.fields import UNSET, Bool, Choice, Int, Padding, Sizes, field
from polyframe.spec.initializers import Fans, Initializer, TorchDefault
from polyframe.spec.layers.base import Context, Init, Layer, Parameter, Shape
from polyframe.spec.layers.conv_examples import (
    EXAMPLES_1D,
    EXAMPLES_2D,
    EXAMPLES_3D,
)
from polyframe.spec.layers.windows import Pads, output_size, resolve_padding, windows

__all__ = ["Conv1D", "Conv2D", "Conv3D"]

NUMPY_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@define_base
class Conv(Layer):
    """What convolutions over one, two and three spatial axes (``dims``) share."""

    out_channels: int = field(Int())
    kernel_size: Ints = field(Sizes())
    stride: Ints = field(Sizes(), default=1)
    padding: PaddingField = field(Padding(), default=0)
    dilation: Ints = field(Sizes(), default=1)
    groups: int = field(Int(), default=1)
    bias: bool = field(Bool(), default=True)
    padding_mode: str = field(
        Choice(("zeros", "reflect", "replicate", "circular")), default="zeros"
    )
    weight_init: InitializerField = field(Init(), default=UNSET, aligned=TorchDefault())
    bias_init: InitializerField = field(Init(), default=UNSET, aligned=TorchDefault())

    short: ClassVar[str] = "conv"
    dims: ClassVar[int]

    def pads(self, shape: Shape) -> Pads:
        """The explicit padding for one input shape (C, …)."""
        return resolve_padding(
            self.padding, shape[1:], self.kernel_size, self.stride, self.dilation
        )

    def pointwise(self, shape: Shape) -> bool:
        """Whether it is a matrix over the channels, applied at every spatial position of
        such an input."""
        single = set(self.kernel_size) | set(self.stride) == {1}
        return single and not any(map(any, self.pads(shape)))

    def position(self, shape: Shape) -> tuple[int, ...] | None:
        """Which position (row, column) of the kernel sees an input of one spatial
        position, if that is all that is computed: the others see zeros. None
        otherwise, and where it would be several products (groups of channels)."""
        out = self.infer(shape)
        single = {*shape[1:], *out[1:]} == {1} and self.padding_mode == "zeros"
        if not single or self.groups not in (1, shape[0] * (shape[0] == out[0])):
            return None
        positions = [
            divmod(low, step)
            for (low, _), step in zip(self.pads(shape), self.dilation, strict=True)
        ]
        sees = all(
            rest == 0 and at < size
            for (at, rest), size in zip(positions, self.kernel_size, strict=True)
        )
        return tuple(at for at, _ in positions) if sees else None

    @property
    def out_axis(self) -> int | None:
        return 0

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], self.dims + 1)
        channels, *size = shapes[0]
        divisible("input channels", channels, self.groups)
        divisible("out_channels", self.out_channels, self.groups)
        pads = self.pads(shapes[0])
        most = {"reflect": -1, "circular": 0}.get(self.padding_mode)
        for n, pair in zip(size, pads, strict=True):
            if most is not None and max(pair) > n + most:
                raise SpecError(
                    f"padding_mode {self.padding_mode!r} takes at most {n + most} "
                    f"values on each side of an axis of {n}, padding is {max(pair)}",
                    hint="less padding, or padding_mode replicate or zeros",
                )
        out_size = output_size(
            tuple(size), self.kernel_size, self.stride, pads, self.dilation
        )
        return (self.out_channels, *out_size)

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        per_group = shapes[0][0] // self.groups
        shape = (self.out_channels, per_group, *self.kernel_size)
        return weight_and_bias(self, shape, self.out_channels)

    def multiply_adds(self, *shapes: Shape) -> int:
        per_output = shapes[0][0] // self.groups * math.prod(self.kernel_size)
        return math.prod(self.infer(*shapes)) * per_output

    def define(self, at: Context, *x: Array) -> Array:
        inside, pads = x[0], self.pads(x[0].shape[1:])
        if self.padding_mode != "zeros":
            widths, mode = ((0, 0), (0, 0), *pads), NUMPY_MODES[self.padding_mode]
            inside = np.pad(inside, widths, mode=mode)  # type: ignore[call-overload]
            pads = ((0, 0),) * self.dims
        view = windows(inside, self.kernel_size, self.stride, pads, self.dilation, 0.0)
        n, c, *sizes = view.shape  # sizes: the output's, then the kernel's
        g = self.groups
        view = view.reshape(n, g, c // g, *sizes)
        weight = at["weight"].reshape(g, -1, c // g, *self.kernel_size)
        space, kernel = "hwd"[: self.dims], "uvt"[: self.dims]
        rule = f"ngc{space}{kernel},goc{kernel}->ngo{space}"
        out: Array = np.einsum(rule, view, weight, optimize=True)
        out = out.reshape(n, self.out_channels, *sizes[: self.dims])
        return out + across(at["bias"], self.dims) if self.bias else out


def divisible(what: str, count: int, groups: int) -> None:
    """SpecError unless groups divide the channels."""
    if count % groups:
        raise SpecError(f"{what} (={count}) must be divisible by groups (={groups})")


class Weighted(Protocol):
    """A layer with a ``weight``, and a ``bias`` if ``bias`` is true."""

    @property
    def bias(self) -> bool: ...
    @property
    def weight_init(self) -> Initializer: ...
    @property
    def bias_init(self) -> Initializer: ...


def weight_and_bias(layer: Weighted, shape: Shape, out: int) -> dict[str, Parameter]:
    """``weight`` and, where the layer has one, ``bias``, with PyTorch's fans: the
    weight's second axis, and its first, times the kernel's area
    (``torch.nn.init._calculate_fan_in_and_fan_out``)."""
    area = math.prod(shape[2:])
    fans = Fans(shape[1] * area, shape[0] * area)
    parameters = {"weight": Parameter(shape, layer.weight_init, fans)}
    if layer.bias:
        parameters["bias"] = Parameter((out,), layer.bias_init, fans)
    return parameters


def across(values: Array, dims: int) -> Array:
    """One value per channel, so that it meets (N, C, …)."""
    return values.reshape(-1, *[1] * dims)


@define
class Conv1D(Conv):
    """1-D convolution (cross-correlation): (N, C, L) → (N, out_channels, L').

    As Conv2D, along one axis (fields as ``torch.nn.Conv1d``); ``padding`` is a number,
    ((left, right),), "valid" or "same".

    Weights: ``weight`` (out_channels, C/groups, k), ``bias`` (out_channels,).
    """

    dims: ClassVar[int] = 1
    examples = EXAMPLES_1D


@define
class Conv2D(Conv):
    """2-D convolution (cross-correlation): (N, C, H, W) → (N, out_channels, H', W').

    ``out[n,o,i,j] = bias[o] + Σ_{c,u,v} weight[o,c,u,v] · x[n,c, i·s+u·d, j·s+v·d]``
    over the zero-padded input, ``H' = ⌊(H + top + bottom - (kh-1)·d - 1)/s⌋ + 1``
    (Dumoulin & Visin 2016, section 2.4; fields as ``torch.nn.Conv2d``).

    - ``padding``: a number, a pair (height, width), ((top, bottom), (left, right)),
      "valid" (0), or "same": output ⌈H/s⌉; if the total is odd, one more at the end.
    - ``groups``: channels are split into that many independent convolutions.
    - ``padding_mode``: what fills the padding: "zeros"; "reflect", the mirror image
      without the border; "replicate", the border; "circular", the other side.
    - ``weight_init``, ``bias_init``: UNSET is PyTorch's U(±1/√fan_in) when aligned.

    Weights: ``weight`` (out_channels, C/groups, kh, kw), ``bias`` (out_channels,).
    """

    dims: ClassVar[int] = 2
    examples = EXAMPLES_2D


@define
class Conv3D(Conv):
    """3-D convolution (cross-correlation): (N, C, D, H, W) → (N, out_channels, …).

    As Conv2D, along depth, height and width (fields as ``torch.nn.Conv3d``).

    Weights: ``weight`` (out_channels, C/groups, kd, kh, kw), ``bias`` (out_channels,).
    """

    dims: ClassVar[int] = 3
    examples = EXAMPLES_3D
