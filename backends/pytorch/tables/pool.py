"""What PyTorch's programs say for pool layers."""

from __future__ import annotations

from polyframe.backends.pytorch.tables.common import even, f_pad, short
from polyframe.compiler.source import Opt, call, literal
from polyframe.compiler.table import Code, Entry, View, entry


def max_pool2d(view: View) -> Code:
    layer, pads = view.layer, view.layer.pads(view.shape)
    kernel = short(layer.kernel_size)
    make = call(
        "nn.MaxPool2d",
        {"kernel_size": kernel},
        stride=Opt(short(layer.steps), kernel),
        padding=Opt(short((pads[0][0], pads[1][0])) if even(pads) else 0, 0),
    )
    if even(pads):
        return Code(make=make)
    return Code(f'{{self}}(F.pad({{0}}, {f_pad(pads)}, value=float("-inf")))', make)


def avg_pool2d(view: View) -> Code:
    layer, pads = view.layer, view.layer.pads(view.shape)
    kernel = short(layer.kernel_size)
    if not even(pads) and not layer.count_include_pad:
        size = f"{literal(kernel)}, {literal(short(layer.steps))}, {f_pad(pads)}"
        return Code(f"avg_pool_counted({{0}}, {size})", snippets=("avg_pool_counted",))
    make = call(
        "nn.AvgPool2d",
        {"kernel_size": kernel},
        stride=Opt(short(layer.steps), kernel),
        padding=Opt(short((pads[0][0], pads[1][0])) if even(pads) else 0, 0),
        count_include_pad=Opt(layer.count_include_pad, True),
    )
    forward = "{self}({0})" if even(pads) else f"{{self}}(F.pad({{0}}, {f_pad(pads)}))"
    return Code(forward, make)


TABLE: dict[str, Entry] = {
    "AvgPool2D": entry(avg_pool2d),
    "MaxPool2D": entry(max_pool2d),
}
