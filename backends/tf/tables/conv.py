"""What TensorFlow's programs say for conv layers."""

from __future__ import annotations

import math

from polyframe.backends.tf.tables.common import (
    BIAS,
    bias_snippets,
    biased,
    mode,
    padded,
    paddings,
    short,
    wide,
)
from polyframe.compiler.program import Slot
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Opt, call
from polyframe.compiler.table import Entry, Form, View
from polyframe.spec.layers.base import Shape
from polyframe.spec.layers.conv import Conv
from polyframe.spec.layers.windows import Sizes


def conv(view: View) -> Code:
    layer = view.layer
    if layer.groups == view.shape[0] > 1 and layer.dims < 3:
        return depthwise(view, layer)
    y, options, helpers = padding_and_strides(layer, view.shape)
    name = f"Conv{layer.dims}D"
    head = {"filters": layer.out_channels, "kernel_size": short(layer.kernel_size)}
    options["use_bias"] = Opt(layer.bias, True)
    axes = range(2, layer.dims + 2)
    weights = {"weight": Slot("kernel", perm=(*axes, 1, 0)), **BIAS}
    if layer.groups == 1:
        make = call(biased(view, name), head, **options)
        return Code(y, make, weights, (*helpers, *bias_snippets(view, name)))
    make = call(f"Grouped{name}", head, groups=layer.groups, **options)
    return Code(y, make, weights, (*helpers, "Grouped", f"Grouped{name}"))


MAX_MATMUL_POSITIONS = 64
"""The number of an image's positions up to which a matrix product is faster than a 1×1
convolution. Forward and backward, with 32 samples, it took 0.5 to 0.8 of the time at
1 to 64 positions, but 1.0 to 1.06 at 256 (two cores, oneDNN)."""


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
    head = {"filters": layer.out_channels, "kernel_size": 1}
    make = call("PointwiseConv2D", head, use_bias=Opt(layer.bias, True))
    weights = {"weight": Slot("kernel", perm=(2, 3, 1, 0)), **BIAS}
    return Code(make=make, weights=weights, snippets=("PointwiseConv2D",))


def convolution(view: View) -> Conv:
    """The layer; a depthwise one as a grouped convolution."""
    layer = view.layer
    grouped: Conv = layer.conv(view.shape[0]) if hasattr(layer, "conv") else layer
    return grouped


def single_position(view: View) -> bool:
    """Whether a single position of the kernel sees the input, on a CPU."""
    return view.target.plain_cpu and convolution(view).position(view.shape) is not None


def single_position_code(view: View) -> Code:
    layer, channels = convolution(view), view.shape[0]
    options: dict[str, object] = {
        "kernel_size": short(layer.kernel_size),
        "position": layer.position(view.shape),
        "use_bias": Opt(layer.bias, True),
    }
    if layer.groups == 1:
        name = "SinglePositionConv2D"
        make = call(name, {"filters": layer.out_channels}, **options)
        kernel = Slot("kernel", perm=(2, 3, 1, 0))
    else:
        name = "SinglePositionDepthwiseConv2D"
        make = call(name, **options)
        kernel = depthwise_kernel("kernel", layer, channels)
    return Code(make=make, weights={"weight": kernel, **BIAS}, snippets=(name,))


def depthwise(view: View, layer: Conv) -> Code:
    """A convolution with a group for each channel, by Keras's layer for that."""
    channels = view.shape[0]
    multiplier = layer.out_channels // channels
    y, options, helpers = padding_and_strides(layer, view.shape, equal=True)
    name = f"DepthwiseConv{layer.dims}D"
    make = call(
        biased(view, name),
        {"kernel_size": short(layer.kernel_size)},
        depth_multiplier=Opt(multiplier, 1),
        dtype=Opt(wide(view), None),
        **options,
        use_bias=Opt(layer.bias, True),
    )
    weights = {"weight": depthwise_kernel("kernel", layer, channels), **BIAS}
    if wide(view):
        y = f"tf.cast({y}, {{0}}.dtype)"
    return Code(y, make, weights, (*helpers, *bias_snippets(view, name)))


def depthwise_kernel(path: str, layer: Conv, channels: int) -> Slot:
    """(C·m, 1, kh, kw) as (kh, kw, C, m)."""
    size, count = layer.kernel_size, layer.out_channels
    shape = (channels, count // channels, *size)
    perm = (*range(2, len(shape)), 0, 1)
    return Slot(path, shape, perm, (count, 1, *size))


def padding_and_strides(
    layer: Conv, shape: Shape, equal: bool = False
) -> tuple[str, dict[str, object], tuple[str, ...]]:
    """(the forward pass, options of Keras's layer, helpers).

    A 1×1 kernel with strides is applied to a slice of every second row and column: the
    gradient of oneDNN's strided kernel writes outside of its memory where there are few
    channels. TensorFlow has strides or dilation, not both, and one stride for all axes
    of a depthwise kernel (``equal``). The common divisor of stride and dilation is a
    slice of the input; a stride that the layer cannot do is a slice of its output.
    """
    pads, stride, dilation = layer.pads(shape), layer.stride, layer.dilation
    both = max(stride) > 1 and max(dilation) > 1
    uneven = equal and len(set(stride)) > 1
    padding = mode(pads, shape[1:], layer.kernel_size, stride, dilation)
    x = "{0}"
    helpers: tuple[str, ...] = ()
    if padded(pads) and (
        not padding or both or uneven or layer.padding_mode != "zeros"
    ):
        padding = "valid"
        function, end, helpers = PADS[layer.padding_mode]
        x = f"{function}({{0}}, {paddings(pads)}{end})"
    ones = output_stride = (1,) * len(stride)
    if max(stride) > 1 and set(layer.kernel_size) == {1} and narrow(layer, shape):
        x += strided(stride)
        stride = dilation = ones
    elif both:
        common = tuple(math.gcd(s, d) for s, d in zip(stride, dilation, strict=True))
        x += strided(common)
        stride = divided(stride, common)
        dilation = divided(dilation, common)
        if max(stride) > 1 and max(dilation) > 1:
            stride, output_stride = ones, stride
    if equal:
        common = (math.gcd(*stride),) * len(stride)
        if max(stride) > 1:
            output_stride = divided(stride, common)
        stride = common
    options: dict[str, object] = {
        "strides": Opt(short(stride), 1),
        "padding": Opt(padding, "valid"),
        "dilation_rate": Opt(short(dilation), 1),
    }
    return f"{{self}}({x}){strided(output_stride)}", options, helpers


def narrow(layer: Conv, shape: Shape) -> bool:
    """Whether a group has fewer channels than oneDNN's blocks of 16."""
    return shape[0] // layer.groups < 16


PADS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "zeros": ("tf.pad", "", ()),
    "reflect": ("tf.pad", ', "REFLECT"', ()),
    "replicate": ("pad_edge", "", ("pad_edge",)),
    "circular": ("pad_wrap", "", ("pad_wrap",)),
}


def divided(sizes: Sizes, by: Sizes) -> tuple[int, ...]:
    """Each size by each divisor."""
    return tuple(n // m for n, m in zip(sizes, by, strict=True))


def strided(sizes: Sizes) -> str:
    """``[:, ::2, ::2]``: every second row and column."""
    slices = ", ".join(f"::{n}" if n > 1 else ":" for n in sizes)
    return f"[:, {slices}]" if max(sizes) > 1 else ""


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

TABLE: dict[str, Entry] = {
    "Conv1D": entry(conv),
    "Conv2D": Entry(
        (
            MATRIX_PRODUCT,
            SINGLE_POSITION,
            Form("native", conv),
        )
    ),
    "Conv3D": entry(conv),
}
