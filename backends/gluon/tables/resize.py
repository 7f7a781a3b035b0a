"""What MXNet Gluon's programs say for resize layers."""

from __future__ import annotations

import math

from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Opt, call
from polyframe.compiler.table import Entry, Form, View


def factors(view: View) -> tuple[int, ...]:
    """The factors by which height and width grow; () unless they are whole numbers."""
    sizes = tuple(zip(view.shape[1:], view.node.shape[1:], strict=True))
    steps = view.layer.steps(view.shape)
    if len(sizes) != 2 or any(
        size % n or step != n / size
        for (n, size), step in zip(sizes, steps, strict=True)
    ):
        return ()
    return tuple(size // n for n, size in sizes)


def native(view: View) -> Code:
    height, width = factors(view)
    if view.layer.mode == "nearest":
        return Code(f'F.UpSampling({{0}}, scale={height}, sample_type="nearest")')
    scale = f"scale_height={height}, scale_width={width}, align_corners=False"
    return Code(f"F.contrib.BilinearResize2D({{0}}, {scale})")


def mxnet_has_it(view: View) -> bool:
    """Whether an operator of MXNet computes it: nearest neighbours with one factor for
    both axes; bilinear where the steps are exact in float32, in which it computes
    them."""
    layer, grows = view.layer, factors(view)
    if not grows or layer.align_corners:
        return False
    if layer.mode == "nearest":
        return grows[0] == grows[1]
    exact = all(math.log2(factor).is_integer() for factor in grows)
    # For an output of one pixel it always aligns the corners.
    return bool(layer.mode == "bilinear" and exact and min(view.node.shape[1:]) > 1)


def resize(view: View) -> Code:
    layer = view.layer
    make = call(
        "Resize",
        {"sizes": view.shape[1:], "new_sizes": view.node.shape[1:], "mode": layer.mode},
        steps=Opt(None if layer.align_corners else layer.steps(view.shape), None),
        align_corners=Opt(layer.align_corners, False),
    )
    return Code(make=make, snippets=("interpolation", "Resize"))


def helper(name: str, field: str) -> Entry:
    """A function of the input and one field."""
    return entry(
        lambda v: Code(f"{name}(F, {{0}}, {getattr(v.layer, field)})", snippets=(name,))
    )


TABLE: dict[str, Entry] = {
    "ChannelShuffle": helper("channel_shuffle", "groups"),
    "PixelShuffle": helper("pixel_shuffle", "upscale_factor"),
    "PixelUnshuffle": helper("pixel_unshuffle", "downscale_factor"),
    "Upsample": Entry(
        (Form("native", native, mxnet_has_it), Form("written out", resize))
    ),
}
