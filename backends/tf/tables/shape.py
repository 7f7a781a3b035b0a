"""What TensorFlow's programs say for shape layers."""

from __future__ import annotations

import math

from polyframe.backends.tf.tables.common import (
    channels_first,
    native_shape,
    paddings,
)
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import call, literal, subscript
from polyframe.compiler.table import Entry, View
from polyframe.spec.layers.base import Shape


def same_order(shape: Shape) -> bool:
    """Whether channels first and channels last are the same order: one channel, or one
    position."""
    return shape[0] == 1 or math.prod(shape[1:]) == 1


def reshape(view: View) -> Code:
    """``Reshape`` and ``Flatten``, in the neutral order: the channels are moved first
    before the call and last after it, unless each channel keeps its own values."""
    shape, new = view.shape, view.node.shape
    by_channel = shape[0] == new[0]
    before = not by_channel and not same_order(shape)
    after = not by_channel and not same_order(new)
    target = new if after else native_shape(new)
    make = call("layers.Flatten")
    if len(new) > 1:
        make = call("layers.Reshape", {"target_shape": target})
    y = f"{{self}}({channels_first(shape) if before else '{0}'})"
    if after:
        y = f"tf.transpose({y}, {(0, *range(2, len(new) + 1), 1)})"
    return Code(y, make)


def permute(view: View) -> Code:
    """``layers.Permute`` counts axes from 1, with the channels last."""
    rank = len(view.shape)
    native = [axis - 1 if axis > 1 else rank for axis in view.layer.axes]
    dims = (*native[1:], native[0])
    return Code(make=call("layers.Permute", {"dims": dims}))


def pad(view: View) -> Code:
    layer, pads = view.layer, view.layer.pads(view.shape)
    if layer.mode == "edge":
        return Code(f"pad_edge({{0}}, {paddings(pads)})", snippets=("pad_edge",))
    options = ""
    if layer.mode == "reflect":
        options = ', "REFLECT"'
    elif layer.value:
        options = f", constant_values={literal(layer.value)}"
    return Code(f"tf.pad({{0}}, {paddings(pads)}{options})")


def cut(view: View) -> Code:
    """``Crop``, ``Slice`` and ``Split`` are slices."""
    channels, *others = view.layer.cuts(view.shape)
    if others and not any(c != slice(None) for c in others):
        return Code(f"{{0}}[..., {subscript([channels])[1:]}")
    return Code("{0}" + subscript((slice(None), *others, channels)))


TABLE: dict[str, Entry] = {
    "Crop": entry(cut),
    "Flatten": entry(reshape),
    "Pad": entry(pad),
    "Permute": entry(permute),
    "Reshape": entry(reshape),
    "Slice": entry(cut),
    "Split": entry(cut),
}
