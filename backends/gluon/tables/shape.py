"""What MXNet Gluon's programs say for shape layers."""

from __future__ import annotations

from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import call, literal
from polyframe.compiler.table import Entry, View


def reshape(view: View) -> Code:
    """``Reshape`` and ``Flatten``: 0 keeps N, and all other sizes are known."""
    if len(view.node.shape) == 1:
        return Code(make=call("nn.Flatten"))
    return Code(f"{{0}}.reshape({literal((0, *view.node.shape))})")


def permute(view: View) -> Code:
    return Code(f"F.transpose({{0}}, axes={literal((0, *view.layer.axes))})")


def pad(view: View) -> Code:
    layer, pads = view.layer, view.layer.pads(view.shape)
    flat = len(pads) == 1  # MXNet pads images and volumes: give a length a height of 1
    pads = ((0, 0), *pads) if flat else pads
    width = literal((0, 0, 0, 0, *(n for pair in pads for n in pair)))
    value = f", constant_value={literal(layer.value)}" if layer.value else ""
    x = "{0}.expand_dims(2)" if flat else "{0}"
    y = f'F.pad({x}, mode="{layer.mode}", pad_width={width}{value})'
    return Code(y + ".squeeze(2)" if flat else y)


def cut(view: View) -> Code:
    """``Crop``, ``Slice`` and ``Split`` are slices."""
    cuts = [slice(None), *view.layer.cuts(view.shape)]
    cut_axes = [axis for axis, c in enumerate(cuts) if c != slice(None)]
    if len(cut_axes) == 1 and not cuts[cut_axes[0]].step:
        (axis,), start, stop = cut_axes, cuts[cut_axes[0]].start, cuts[cut_axes[0]].stop
        bounds = f"axis={axis}, begin={start or 0}, end={stop}"
        return Code(f"F.slice_axis({{0}}, {bounds})")
    cuts = cuts[: max(cut_axes, default=0) + 1]
    begin, end, step = (
        literal(tuple(getattr(c, part) for c in cuts))
        for part in ("start", "stop", "step")
    )
    steps = f", step={step}" if any(c.step for c in cuts) else ""
    return Code(f"F.slice({{0}}, begin={begin}, end={end}{steps})")


TABLE: dict[str, Entry] = {
    "Crop": entry(cut),
    "Flatten": entry(reshape),
    "Pad": entry(pad),
    "Permute": entry(permute),
    "Reshape": entry(reshape),
    "Slice": entry(cut),
    "Split": entry(cut),
}
