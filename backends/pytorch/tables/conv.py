"""What PyTorch's programs say for conv layers."""

from __future__ import annotations

import math
from dataclasses import replace

from polyframe.backends.pytorch.tables.common import (
    AS_IS,
    even,
    f_pad,
    own_same,
    short,
    without_strided_same,
)
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Call, Opt, call
from polyframe.compiler.table import Entry, Form, View
from polyframe.spec.layers.base import Shape
from polyframe.spec.layers.conv import Conv


def convolution(view: View) -> Conv:
    """The layer; a depthwise one as a grouped convolution."""
    layer = view.layer
    grouped: Conv = layer.conv(view.shape[0]) if hasattr(layer, "conv") else layer
    return grouped


def conv(view: View) -> Code:
    layer = convolution(view)
    make = module(layer, view.shape, own_same(view))
    return Code("{self}(" + padded(layer, view.shape) + ")", make, AS_IS)


def module(layer: Conv, shape: Shape, same: bool = False) -> Call:
    """PyTorch's layer, which pads both sides alike or not at all; ``same``: with its own
    word for that. (Uneven sides have the word, too, but PyTorch warns of it.)"""
    pads = layer.pads(shape)
    own = even(pads) and any(lo for lo, _ in pads)
    numbers: object = short(tuple(lo for lo, _ in pads)) if own else 0
    return call(
        f"nn.Conv{layer.dims}d",
        {"in_channels": shape[0], "out_channels": layer.out_channels},
        kernel_size=short(layer.kernel_size),
        stride=Opt(short(layer.stride), 1),
        padding=Opt("same" if own and same else numbers, 0),
        dilation=Opt(short(layer.dilation), 1),
        groups=Opt(layer.groups, 1),
        bias=Opt(layer.bias, True),
        padding_mode=Opt(layer.padding_mode if own else "zeros", "zeros"),
    )


MAX_MATMUL_POSITIONS = 64
"""The number of an image's positions up to which a matrix product is faster than a 1×1
convolution. Forward and backward, with 32 samples, it took 0.4 to 0.8 of the time at
1 to 64 positions, but 1.1 to 1.5 at 256 (two cores, oneDNN)."""


def few_positions(view: View) -> bool:
    """Whether it is a matrix product over so few positions, on a CPU."""
    layer = view.layer
    alone = layer.groups == 1 and layer.pointwise(view.shape)
    return (
        view.target.plain_cpu
        and alone
        and math.prod(view.shape[1:]) <= MAX_MATMUL_POSITIONS
    )


def pointwise(view: View) -> Code:
    layer = view.layer
    make = call(
        "PointwiseConv2d",
        {"in_channels": view.shape[0], "out_channels": layer.out_channels},
        kernel_size=1,
        bias=Opt(layer.bias, True),
    )
    return Code(make=make, weights=AS_IS, snippets=("PointwiseConv2d",))


def single_position(view: View) -> bool:
    """Whether a single position of the kernel sees the input, on a CPU."""
    layer, cpu = convolution(view), view.target.plain_cpu
    own = even(layer.pads(view.shape))  # other padding adds positions
    return cpu and own and layer.position(view.shape) is not None


def single_position_code(view: View) -> Code:
    make = module(convolution(view), view.shape)
    make = replace(make, function="SinglePositionConv2d")
    return Code(make=make, weights=AS_IS, snippets=("SinglePositionConv2d",))


def narrow_projection(view: View) -> bool:
    """Whether it is a 1×1 kernel with strides over few channels, on a CPU.

    oneDNN's gradient of that in (N, H, W, C), with fewer channels than its blocks of 16,
    writes outside of its memory: where two threads share a batch of three, the process
    dies of it."""
    layer = view.layer
    strided = set(layer.kernel_size) == {1} and max(layer.stride) > 1
    unpadded = not any(map(any, layer.pads(view.shape)))
    narrow = view.shape[0] // layer.groups < 16
    return view.target.device == "cpu" and strided and unpadded and narrow


def sliced(view: View) -> Code:
    """The kernel without strides, over a slice of every second row and column."""
    layer = view.layer
    slices = ", ".join(f"::{n}" if n > 1 else ":" for n in layer.stride)
    plain = replace(layer, stride=(1,) * layer.dims)
    return Code(f"{{self}}({{0}}[:, :, {slices}])", module(plain, view.shape), AS_IS)


def padded(layer: Conv, shape: Shape) -> str:
    """The layer's input; uneven padding is a call on it."""
    pads = layer.pads(shape)
    mode = f', mode="{layer.padding_mode}"' if layer.padding_mode != "zeros" else ""
    return "{0}" if even(pads) else f"F.pad({{0}}, {f_pad(pads)}{mode})"


MATRIX_PRODUCT = Form(
    "matrix product",
    pointwise,
    few_positions,
    faster=True,
    why="A 1x1 convolution is a matrix product over the channels at each position, which "
    "is faster where there are few positions.",
)
SINGLE_POSITION = Form(
    "single position",
    single_position_code,
    single_position,
    faster=True,
    why="One position of the kernel sees the only pixel, and all others see zeros: "
    "the convolution is a matrix product with that position.",
)


def strided(entry: Entry, layer: str) -> Entry:
    """An entry of ``layer``, which refuses "same" with strides."""
    gap = f'{layer} refuses padding="same" with strides'
    guarded: Entry = without_strided_same(entry, gap)
    return guarded


TABLE: dict[str, Entry] = {
    "Conv1D": strided(entry(conv), "nn.Conv1d"),
    "Conv2D": strided(
        Entry(
            (
                Form(
                    "slice",
                    sliced,
                    narrow_projection,
                    faster=True,
                    why="A 1x1 kernel with strides reads every second row and column: "
                    "they are sliced first.",
                ),
                MATRIX_PRODUCT,
                SINGLE_POSITION,
                Form("native", conv),
            )
        ),
        "nn.Conv2d",
    ),
    "Conv3D": strided(entry(conv), "nn.Conv3d"),
}
