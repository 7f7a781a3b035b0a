"""What TensorFlow's programs say for resize layers."""

from __future__ import annotations

import math

from polyframe.backends.tf.tables.common import short
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Opt, call, literal
from polyframe.compiler.table import Entry, Form, View


def factors(view: View) -> tuple[int, ...] | None:
    """The factors by which the axes grow; None unless they are whole numbers."""
    grows = []
    for n, size, step in zip(
        view.shape[1:],
        view.node.shape[1:],
        view.layer.steps(view.shape),
        strict=True,
    ):
        if size % n or step != n / size:
            return None
        grows.append(size // n)
    return tuple(grows)


def upsampling(view: View) -> Code:
    make = call(
        f"layers.UpSampling{len(view.shape) - 1}D",
        {"size": short(factors(view) or ())},
        interpolation=Opt(view.layer.mode, "nearest"),
    )
    return Code(make=make)


def keras_has_it(view: View) -> bool:
    """Whether Keras's layer computes it: nearest neighbours by whole factors; bilinear
    in float32 (which it returns for float64, too) where the steps are exact."""
    grows = factors(view)
    if grows is None:
        return False
    if view.layer.mode == "nearest":
        return True
    exact = all(math.log2(factor).is_integer() for factor in grows)
    plain = view.layer.mode == "bilinear" and not view.layer.align_corners
    return plain and exact and view.target.dtype == "float32"


def resize(view: View) -> Code:
    layer, sizes = view.layer, view.node.shape[1:]
    text = f'resize({{0}}, {literal(sizes)}, "{layer.mode}"'
    if layer.align_corners:
        text += ", align_corners=True"
    else:
        text += f", steps={literal(layer.steps(view.shape))}"
    return Code(text + ")", snippets=("interpolation", "resize"))


def helper(name: str, field: str) -> Entry:
    """A function of the input and one field."""
    return entry(
        lambda v: Code(f"{name}({{0}}, {getattr(v.layer, field)})", snippets=(name,))
    )


TABLE: dict[str, Entry] = {
    "ChannelShuffle": helper("channel_shuffle", "groups"),
    "PixelShuffle": helper("pixel_shuffle", "upscale_factor"),
    "PixelUnshuffle": helper("pixel_unshuffle", "downscale_factor"),
    "Upsample": Entry(
        (Form("native", upsampling, keras_has_it), Form("written out", resize))
    ),
}
