"""What TensorFlow's programs say for transposed layers."""

from __future__ import annotations

from polyframe.backends.tf.tables.common import BIAS, short
from polyframe.compiler.program import Slot
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Opt, call
from polyframe.compiler.table import Entry, View


def conv_transpose(view: View) -> Code:
    layer = view.layer
    even = all(low == high for low, high in layer.padding)
    padding = short(tuple(low for low, _ in layer.padding)) if even else layer.padding
    make = call(
        "ConvTranspose",
        {"filters": layer.out_channels, "kernel_size": short(layer.kernel_size)},
        strides=Opt(short(layer.stride), 1),
        padding=Opt(padding, 0),
        output_padding=Opt(short(layer.output_padding), 0),
        groups=Opt(layer.groups, 1),
        use_bias=Opt(layer.bias, True),
        dilation_rate=Opt(short(layer.dilation), 1),
    )
    kernel = Slot("kernel", perm=(*range(2, layer.dims + 2), 1, 0))
    return Code(
        make=make,
        weights={"weight": kernel, **BIAS},
        snippets=("spread", "ConvTranspose"),
    )


TABLE: dict[str, Entry] = {
    "ConvTranspose1D": entry(conv_transpose),
    "ConvTranspose2D": entry(conv_transpose),
    "ConvTranspose3D": entry(conv_transpose),
}
