"""What MXNet Gluon's programs say for conv layers."""

from __future__ import annotations

from polyframe.backends.gluon.tables.common import WEIGHTS, low, lowered, padded, short
from polyframe.compiler.source import Opt, call
from polyframe.compiler.table import Code, Entry, View, entry


def conv2d(view: View) -> Code:
    layer = view.layer
    padding, x, snippets = padded(layer.pads(view.shape))
    make = call(
        low(view, "Conv2D"),
        {"channels": layer.out_channels},
        kernel_size=short(layer.kernel_size),
        strides=Opt(short(layer.stride), 1),
        padding=Opt(padding, 0),
        dilation=Opt(short(layer.dilation), 1),
        groups=Opt(layer.groups, 1),
        use_bias=Opt(layer.bias, True),
        in_channels=view.shape[0],
    )
    return Code(
        "{self}(" + x + ")", make, WEIGHTS, (*snippets, *lowered(view, "Conv2D"))
    )


TABLE: dict[str, Entry] = {
    "Conv2D": entry(conv2d),
}
