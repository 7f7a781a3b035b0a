"""What PyTorch's programs say for transposed layers."""

from __future__ import annotations

from polyframe.backends.pytorch.tables.common import AS_IS, short
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Opt, call, subscript
from polyframe.compiler.table import Entry, View


def conv_transpose(view: View) -> Code:
    """PyTorch crops both sides alike; what an uneven padding crops besides is a slice."""
    layer = view.layer
    even_padding = tuple(min(pair) for pair in layer.padding)
    make = call(
        f"nn.ConvTranspose{layer.dims}d",
        {"in_channels": view.shape[0], "out_channels": layer.out_channels},
        kernel_size=short(layer.kernel_size),
        stride=Opt(short(layer.stride), 1),
        padding=Opt(short(even_padding), 0),
        output_padding=Opt(short(layer.output_padding), 0),
        groups=Opt(layer.groups, 1),
        bias=Opt(layer.bias, True),
        dilation=Opt(short(layer.dilation), 1),
    )
    y = "{self}({0})"
    if any(low != high for low, high in layer.padding):
        cuts = [
            slice(low - n or None, n - high or None)
            for n, (low, high) in zip(even_padding, layer.padding, strict=True)
        ]
        y += subscript([slice(None), slice(None), *cuts])
    return Code(y, make, AS_IS)


TABLE: dict[str, Entry] = {
    "ConvTranspose1D": entry(conv_transpose),
    "ConvTranspose2D": entry(conv_transpose),
    "ConvTranspose3D": entry(conv_transpose),
}
