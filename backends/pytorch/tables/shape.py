"""What PyTorch's programs say for shape layers."""

from __future__ import annotations

from polyframe.backends.pytorch.tables.common import f_pad
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Opt, call, literal, subscript
from polyframe.compiler.table import Entry, View


def flatten(view: View) -> Code:
    layer = view.layer
    make = call(
        "nn.Flatten",
        start_dim=Opt(layer.start_axis, 1),
        end_dim=Opt(layer.end_axis, -1),
    )
    return Code(make=make)


def reshape(view: View) -> Code:
    return Code(f"{{0}}.reshape{literal((-1, *view.node.shape))}")


def permute(view: View) -> Code:
    """A copy, where an axis has one value: permuted strides may then pass for those of
    channels_last and be others, and PyTorch's batch norm returns wrong gradients for such
    an input on the CPU (seen in 2.13)."""
    copied = (
        ".contiguous()" if len(view.node.shape) > 2 and 1 in view.node.shape else ""
    )
    return Code(f"{{0}}.permute{literal((0, *view.layer.axes))}{copied}")


def pad(view: View) -> Code:
    layer, pads = view.layer, view.layer.pads(view.shape)
    options = ""
    if layer.mode != "constant":
        options = f', mode="{"replicate" if layer.mode == "edge" else layer.mode}"'
    elif layer.value:
        options = f", value={literal(layer.value)}"
    return Code(f"F.pad({{0}}, {f_pad(pads)}{options})")


def cut(view: View) -> Code:
    """``Crop``, ``Slice`` and ``Split`` are slices."""
    cuts = (slice(None), *view.layer.cuts(view.shape))
    return Code("{0}" + subscript(cuts))


TABLE: dict[str, Entry] = {
    "Crop": entry(cut),
    "Flatten": entry(flatten),
    "Pad": entry(pad),
    "Permute": entry(permute),
    "Reshape": entry(reshape),
    "Slice": entry(cut),
    "Split": entry(cut),
}
