"""What MXNet Gluon's programs say for conv layers."""

from __future__ import annotations

from polyframe.backends.gluon.tables.common import (
    WEIGHTS,
    Padded,
    inputs,
    low,
    lowered,
    padded,
    padded_entry,
    short,
    sides,
)
from polyframe.compiler.python.code import Code
from polyframe.compiler.python.source import Call, Opt, call, literal
from polyframe.compiler.table import Entry, View
from polyframe.spec.layers.base import Shape
from polyframe.spec.layers.conv import Conv


def conv(view: View) -> Code:
    layer = view.layer
    make = block(view, layer, view.shape)
    _, x, helpers = padded_input(layer, view.shape)
    names = lowered(view, f"Conv{layer.dims}D")
    return Code("{self}(" + x + ")", make, WEIGHTS, (*helpers, *names))


def block(view: View, layer: Conv, shape: Shape) -> Call:
    """Gluon's layer."""
    return call(
        low(view, f"Conv{layer.dims}D"),
        {"channels": layer.out_channels},
        kernel_size=short(layer.kernel_size),
        strides=Opt(short(layer.stride), 1),
        padding=Opt(padded_input(layer, shape)[0], 0),
        dilation=Opt(short(layer.dilation), 1),
        groups=Opt(layer.groups, 1),
        use_bias=Opt(layer.bias, True),
        **inputs(view, "in_channels", shape[0]),
    )


def padded_input(layer: Conv, shape: Shape) -> Padded:
    """Gluon's layer pads with zeros, both sides alike; any other padding is a call on
    its input."""
    pads, mode = layer.pads(shape), layer.padding_mode
    if mode == "zeros" or not any(n for pair in pads for n in pair):
        return padded(pads)
    if mode == "circular":
        return 0, f"pad_wrap(F, {{0}}, {sides(pads)})", ("pad_wrap",)
    flat = len(pads) == 1  # MXNet pads images and volumes: give a length a height of 1
    width = (0, 0, 0, 0, *(0, 0) * flat, *(n for pair in pads for n in pair))
    x = "{0}.expand_dims(2)" if flat else "{0}"
    word = {"reflect": "reflect", "replicate": "edge"}[mode]
    x = f'F.pad({x}, mode="{word}", pad_width={literal(width)})'
    return 0, x + ".squeeze(2)" if flat else x, ()


TABLE: dict[str, Entry] = {
    "Conv1D": padded_entry(conv),
    "Conv2D": padded_entry(conv),
    "Conv3D": padded_entry(conv),
}
