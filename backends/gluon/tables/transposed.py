"""What MXNet Gluon's programs say for transposed layers."""

from __future__ import annotations

from typing import Any

from polyframe.backends.gluon.tables.common import WEIGHTS, short
from polyframe.compiler.python.code import Code
from polyframe.compiler.python.source import Call, Opt, call, literal
from polyframe.compiler.table import Entry, Form, View


def native(view: View) -> Code:
    layer = view.layer
    make = call(
        f"nn.Conv{layer.dims}DTranspose",
        {"channels": layer.out_channels},
        kernel_size=short(layer.kernel_size),
        strides=Opt(short(layer.stride), 1),
        padding=Opt(short(least(layer)), 0),
        output_padding=Opt(short(layer.output_padding), 0),
        dilation=Opt(short(layer.dilation), 1),
        groups=Opt(layer.groups, 1),
        use_bias=Opt(layer.bias, True),
        in_channels=view.shape[0],
    )
    return cut(view, make)


def written_out(view: View) -> Code:
    layer = view.layer
    make = call(
        "ConvTranspose",
        {"channels": layer.out_channels},
        kernel_size=layer.kernel_size,
        strides=layer.stride,
        padding=least(layer),
        output_padding=layer.output_padding,
        dilation=layer.dilation,
        groups=layer.groups,
        use_bias=layer.bias,
        in_channels=view.shape[0],
    )
    return cut(view, make, ("ConvTranspose",))


def cut(view: View, make: Call, snippets: tuple[str, ...] = ()) -> Code:
    """Gluon cuts both sides alike; the rest of an uneven padding is sliced off."""
    layer, y = view.layer, "{self}({0})"
    if any(low != high for low, high in layer.padding):
        pairs = list(zip(least(layer), layer.padding, strict=True))
        begin = (None, None, *(low - n or None for n, (low, _) in pairs))
        end = (None, None, *(n - high or None for n, (_, high) in pairs))
        y = f"F.slice({y}, begin={literal(begin)}, end={literal(end)})"
    return Code(y, make, WEIGHTS, snippets)


def least(layer: Any) -> tuple[int, ...]:
    """What is cut off both sides of each axis."""
    return tuple(min(pair) for pair in layer.padding)


def right(view: View) -> bool:
    """Whether MXNet's deconvolution does it, and rightly: it has no dilation and no
    float64 for volumes, takes no output padding as large as the stride, and in float64
    computes another thing where it strides and dilates."""
    layer = view.layer
    dilated = max(layer.dilation) > 1
    if layer.dims == 3 and (dilated or view.target.dtype != "float32"):
        return False
    if dilated and max(layer.stride) > 1:
        return False
    pairs = zip(layer.output_padding, layer.stride, strict=True)
    return all(extra < stride for extra, stride in pairs)


CONV_TRANSPOSE = Entry(
    (Form("native", native, right), Form("written out", written_out))
)

TABLE: dict[str, Entry] = {
    "ConvTranspose1D": CONV_TRANSPOSE,
    "ConvTranspose2D": CONV_TRANSPOSE,
    "ConvTranspose3D": CONV_TRANSPOSE,
}
