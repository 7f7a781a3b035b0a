"""What TensorFlow's programs say for conv layers."""

from __future__ import annotations

import math
from typing import Any

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
from polyframe.compiler.source import Opt, call
from polyframe.compiler.table import Code, Entry, View, entry

CONV = {"weight": Slot("kernel", perm=(2, 3, 1, 0)), **BIAS}


def conv2d(view: View) -> Code:
    layer, pads = view.layer, view.layer.pads(view.shape)
    stride, dilation = layer.stride, layer.dilation
    padding = mode(pads, view.shape[1:], layer.kernel_size, stride, dilation)
    x, y = "{0}", "{self}({0})"
    if max(stride) > 1 and max(dilation) > 1:
        # TensorFlow strides or dilates, not both. What stride and dilation have in
        # common is done by slicing the input, what is left of the stride by slicing
        # the output of a dilated convolution.
        padding = ""
        common = tuple(math.gcd(s, d) for s, d in zip(stride, dilation, strict=True))
        stride = tuple(s // g for s, g in zip(stride, common, strict=True))
        dilation = tuple(d // g for d, g in zip(dilation, common, strict=True))
        x = f"tf.pad({{0}}, {paddings(pads)})" if padded(pads) else x
        x = x + steps(common)
        y = "{self}(" + x + ")"
        if max(stride) > 1 and max(dilation) > 1:
            y, stride = y + steps(stride), (1, 1)
    elif not padding:
        y = f"{{self}}(tf.pad({{0}}, {paddings(pads)}))"
    options = {
        "strides": Opt(short(stride), 1),
        "padding": Opt(padding or "valid", "valid"),
        "dilation_rate": Opt(short(dilation), 1),
        "use_bias": Opt(layer.bias, True),
    }
    head = {"filters": layer.out_channels, "kernel_size": short(layer.kernel_size)}
    if layer.groups == 1:
        make = call(biased(view, "Conv2D"), head, **options)
        return Code(y, make, CONV, bias_snippets(view, "Conv2D"))
    if layer.groups == view.shape[0] and stride[0] == stride[1]:
        return depthwise(view, y, options)
    groups = {"groups": layer.groups}
    make = call("GroupedConv2D", head, **groups, **options)
    return Code(y, make, CONV, ("GroupedConv2D",))


def depthwise(view: View, y: str, options: dict[str, Any]) -> Code:
    layer, channels = view.layer, view.shape[0]
    multiplier = layer.out_channels // channels
    make = call(
        biased(view, "DepthwiseConv2D"),
        {"kernel_size": short(layer.kernel_size)},
        depth_multiplier=Opt(multiplier, 1),
        dtype=Opt(wide(view), None),
        **options,
    )
    shape = (channels, multiplier, *layer.kernel_size)
    canonical = (layer.out_channels, 1, *layer.kernel_size)
    kernel = Slot("kernel", shape, (2, 3, 0, 1), canonical)
    weights = {"weight": kernel, **BIAS}
    if wide(view):
        y = f"tf.cast({y}, {{0}}.dtype)"
    return Code(y, make, weights, bias_snippets(view, "DepthwiseConv2D"))


def steps(pair: Any) -> str:
    """``[:, ::2, ::2]``: every second row and column."""
    rows, columns = (f"::{n}" if n > 1 else ":" for n in pair)
    return f"[:, {rows}, {columns}]" if max(pair) > 1 else ""


TABLE: dict[str, Entry] = {
    "Conv2D": entry(conv2d),
}
