"""What MXNet Gluon's programs say for merge layers."""

from __future__ import annotations

from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.table import Entry, View
from polyframe.spec.layers.base import positive_axis


def elementwise(op: str, sign: str) -> Entry:
    """An operator between all inputs, ``op`` where their shapes differ."""

    def write(view: View) -> Code:
        shapes = view.node.in_shapes
        if sign and len(set(shapes)) == 1:
            return Code(sign.join(f"{{{i}}}" for i in range(len(shapes))))
        if len(shapes) == 2:
            return Code(f"F.{op}({{0}}, {{1}})")
        return Code(f"chain(F.{op}, {{all}})", snippets=("chain",))

    return entry(write)


def reduce(name: str) -> Entry:
    """A reduction over some axes."""

    def write(view: View) -> Code:
        axes, keep = view.layer.axes, ", keepdims=True" if view.layer.keepdims else ""
        axis = axes[0] if len(axes) == 1 else axes
        return Code(f"F.{name}({{0}}, axis={axis}{keep})")

    return entry(write)


def concat(view: View) -> Code:
    """``F.concat``, or ``concat_channels`` where oneDNN's kernel fails."""
    axis, shapes = positive_axis(view.layer.axis, view.shape), view.node.in_shapes
    native = view.target.device == "cpu" and view.target.dtype == "float32"
    images = axis == 1 and len(view.shape) == 3
    if native and images and any(channels % 16 for channels, *_ in shapes):
        return Code("concat_channels(F, {all})", snippets=("concat_channels",))
    return Code(f"F.concat({{all}}, dim={view.layer.axis})")


TABLE: dict[str, Entry] = {
    "Add": elementwise("broadcast_add", " + "),
    "Average": entry(Code("average(F, {all})", snippets=("average",))),
    "Concat": entry(concat),
    "Maximum": elementwise("broadcast_maximum", ""),
    "Multiply": elementwise("broadcast_mul", " * "),
    "ReduceMean": reduce("mean"),
    "ReduceSum": reduce("sum"),
    "Subtract": elementwise("broadcast_sub", " - "),
}
