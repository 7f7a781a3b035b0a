"""What MXNet Gluon's programs say for transposed layers."""

from __future__ import annotations

from polyframe.backends.gluon.tables.common import WEIGHTS, inputs, short
from polyframe.compiler.python.code import Code
from polyframe.compiler.python.source import Call, Opt, call, literal
from polyframe.compiler.table import Entry, Form, View
from polyframe.spec.layers.transposed import ConvTranspose


def native(view: View) -> Code:
    layer = view.layer
    make = call(
        f"nn.Conv{layer.dims}DTranspose",
        {"channels": layer.out_channels},
        kernel_size=short(layer.kernel_size),
        strides=Opt(short(layer.stride), 1),
        padding=Opt(short(even_padding(layer)), 0),
        output_padding=Opt(short(layer.output_padding), 0),
        dilation=Opt(short(layer.dilation), 1),
        groups=Opt(layer.groups, 1),
        use_bias=Opt(layer.bias, True),
        **inputs(view, "in_channels", view.shape[0]),
    )
    return cut(view, make)


def written_out(view: View) -> Code:
    layer = view.layer
    make = call(
        "ConvTranspose",
        {"channels": layer.out_channels},
        kernel_size=layer.kernel_size,
        strides=layer.stride,
        padding=even_padding(layer),
        output_padding=layer.output_padding,
        dilation=layer.dilation,
        groups=layer.groups,
        use_bias=layer.bias,
        in_channels=view.shape[0],
    )
    return cut(view, make, ("ConvTranspose",))


def cut(view: View, make: Call, snippets: tuple[str, ...] = ()) -> Code:
    """Gluon crops both sides alike; what an uneven padding crops besides is a slice."""
    layer, y = view.layer, "{self}({0})"
    if any(low != high for low, high in layer.padding):
        pairs = list(zip(even_padding(layer), layer.padding, strict=True))
        begin = (None, None, *(low - n or None for n, (low, _) in pairs))
        end = (None, None, *(n - high or None for n, (_, high) in pairs))
        y = f"F.slice({y}, begin={literal(begin)}, end={literal(end)})"
    return Code(y, make, WEIGHTS, snippets)


def even_padding(layer: ConvTranspose) -> tuple[int, ...]:
    """What is cropped from both sides of each axis alike."""
    return tuple(min(pair) for pair in layer.padding)


def native_is_right(view: View) -> bool:
    """Whether MXNet's deconvolution computes it, and correctly: in 3-D it has neither
    dilation nor float64; it takes no output padding as large as the stride; and with
    both a stride and a dilation above 1 its results are wrong in float64."""
    layer = view.layer
    dilated = max(layer.dilation) > 1
    if layer.dims == 3 and (dilated or view.target.dtype != "float32"):
        return False
    if dilated and max(layer.stride) > 1:
        return False
    pairs = zip(layer.output_padding, layer.stride, strict=True)
    return all(extra < stride for extra, stride in pairs)


CONV_TRANSPOSE = Entry(
    (Form("native", native, native_is_right), Form("written out", written_out))
)

TABLE: dict[str, Entry] = {
    "ConvTranspose1D": CONV_TRANSPOSE,
    "ConvTranspose2D": CONV_TRANSPOSE,
    "ConvTranspose3D": CONV_TRANSPOSE,
}
