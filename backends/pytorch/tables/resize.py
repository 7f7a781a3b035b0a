"""What PyTorch's programs say for resize layers."""

from __future__ import annotations

import numpy as np

from polyframe.backends.pytorch.tables.common import short
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Opt, call, literal
from polyframe.compiler.table import Entry, Form, View


def scales(view: View) -> tuple[float, ...]:
    """Scale factors that give the same values on every device as the given ones do on the
    CPU: PyTorch's CPU kernels take a factor of 1 (or 2) where that gives the same
    size."""
    sizes = zip(view.shape[1:], view.node.shape[1:], strict=True)
    steps = view.layer.steps(view.shape)
    factors = []
    for given, (n, size), step in zip(
        view.layer.each(view.shape), sizes, steps, strict=True
    ):
        scale = given if step == 1 / given else size / n
        factors.append(int(scale) if scale == int(scale) else scale)
    return tuple(factors)


def upsample(view: View) -> Code:
    layer = view.layer
    if layer.size is None:
        size: dict[str, object] = {"scale_factor": short(scales(view))}
    else:
        size = {"size": short(view.node.shape[1:])}
    make = call(
        "nn.Upsample",
        **size,
        mode=Opt(layer.mode, "nearest"),
        align_corners=Opt(layer.align_corners or None, None),
    )
    return Code(make=make)


def by_index(view: View) -> Code:
    sizes, steps = view.node.shape[1:], view.layer.steps(view.shape)
    text = f"nearest({{0}}, {literal(sizes)}, {literal(steps)})"
    return Code(text, snippets=("nearest",))


def by_taps(view: View) -> Code:
    sizes, steps = view.node.shape[1:], view.layer.steps(view.shape)
    text = f"bicubic({{0}}, {literal(sizes)}, {literal(steps)})"
    return Code(text, snippets=("bicubic",))


def is_native(view: View) -> bool:
    """Whether PyTorch's own has the right values and gradients."""
    return right_in_float32(view) and not copies_gradients(view)


def copies_gradients(view: View) -> bool:
    """Whether PyTorch takes a cubic interpolation for the identity when it computes the
    gradient, since sizes stay as they are (seen in 2.13)."""
    cubic = view.layer.mode == "bicubic" and not view.layer.align_corners
    same = cubic and view.node.shape == view.shape
    return same and any(step != 1 for step in view.layer.steps(view.shape))


def right_in_float32(view: View) -> bool:
    """Whether PyTorch picks the right nearest neighbours: it computes their positions in
    float32."""
    if view.layer.mode != "nearest":
        return True
    for size, step in zip(
        view.node.shape[1:], view.layer.steps(view.shape), strict=True
    ):
        i = np.arange(size)
        exact = np.floor((i * step).astype(np.float32))
        if (np.floor(i.astype(np.float32) * np.float32(step)) != exact).any():
            return False
    return True


TABLE: dict[str, Entry] = {
    "ChannelShuffle": entry(
        lambda v: Code(make=call("nn.ChannelShuffle", {"groups": v.layer.groups}))
    ),
    "PixelShuffle": entry(
        lambda v: Code(
            make=call("nn.PixelShuffle", {"upscale_factor": v.layer.upscale_factor})
        )
    ),
    "PixelUnshuffle": entry(
        lambda v: Code(
            make=call(
                "nn.PixelUnshuffle", {"downscale_factor": v.layer.downscale_factor}
            )
        )
    ),
    "Upsample": Entry(
        (
            Form("native", upsample, is_native),
            Form("by taps", by_taps, copies_gradients),
            Form("by index", by_index, lambda v: v.layer.mode == "nearest"),
        )
    ),
}
