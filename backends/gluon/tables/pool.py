"""What MXNet Gluon's programs say for pool layers."""

from __future__ import annotations

from polyframe.backends.gluon.tables.common import even, padded, short
from polyframe.compiler.source import Opt, call, literal
from polyframe.compiler.table import Code, Entry, View, entry


def max_pool2d(view: View) -> Code:
    layer = view.layer
    value = f", {LOWEST[view.target.dtype]}"
    padding, x, snippets = padded(layer.pads(view.shape), value)
    kernel = short(layer.kernel_size)
    make = call(
        "nn.MaxPool2D",
        {"pool_size": kernel},
        strides=Opt(short(layer.steps), kernel),
        padding=Opt(padding, 0),
    )
    return Code("{self}(" + x + ")", make, snippets=snippets)


def avg_pool2d(view: View) -> Code:
    layer, pads = view.layer, view.layer.pads(view.shape)
    if not even(pads) and not layer.count_include_pad:
        sides = ", ".join(str(n) for pair in pads for n in pair)
        size = f"{literal(layer.kernel_size)}, {literal(layer.steps)}, {sides}"
        return Code(
            f"avg_pool_counted(F, {{0}}, {size})", snippets=("pad", "avg_pool_counted")
        )
    padding, x, snippets = padded(pads)
    kernel = short(layer.kernel_size)
    make = call(
        "nn.AvgPool2D",
        {"pool_size": kernel},
        strides=Opt(short(layer.steps), kernel),
        padding=Opt(padding, 0),
        count_include_pad=Opt(layer.count_include_pad, True),
    )
    return Code("{self}(" + x + ")", make, snippets=snippets)


LOWEST = {"float32": "-3.4028234663852886e38", "float64": "-1.7976931348623157e308"}


TABLE: dict[str, Entry] = {
    "AvgPool2D": entry(avg_pool2d),
    "MaxPool2D": entry(max_pool2d),
}
