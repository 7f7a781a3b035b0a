"""What PyTorch's programs say for conv layers."""

from __future__ import annotations

from polyframe.backends.pytorch.tables.common import AS_IS, even, f_pad, short
from polyframe.compiler.source import Opt, call
from polyframe.compiler.table import Code, Entry, View, entry


def conv2d(view: View) -> Code:
    layer, pads = view.layer, view.layer.pads(view.shape)
    padding = short((pads[0][0], pads[1][0])) if even(pads) else 0
    make = call(
        "nn.Conv2d",
        {"in_channels": view.shape[0], "out_channels": layer.out_channels},
        kernel_size=short(layer.kernel_size),
        stride=Opt(short(layer.stride), 1),
        padding=Opt(padding, 0),
        dilation=Opt(short(layer.dilation), 1),
        groups=Opt(layer.groups, 1),
        bias=Opt(layer.bias, True),
    )
    forward = "{self}({0})" if even(pads) else f"{{self}}(F.pad({{0}}, {f_pad(pads)}))"
    return Code(forward, make, AS_IS)


TABLE: dict[str, Entry] = {
    "Conv2D": entry(conv2d),
}
