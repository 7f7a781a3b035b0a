"""What MXNet Gluon's programs say for dense layers."""

from __future__ import annotations

from polyframe.backends.gluon.tables.common import WEIGHTS, inputs, low, lowered
from polyframe.compiler.program import Slot
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Opt, call
from polyframe.compiler.table import Entry, View
from polyframe.spec.layers.base import positive_axis


def dense(view: View) -> Code:
    make = call(
        low(view, "Dense"),
        {"units": view.layer.out_features},
        use_bias=Opt(view.layer.bias, True),
        **inputs(view, "in_units", view.shape[0]),
    )
    return Code(make=make, weights=WEIGHTS, snippets=lowered(view, "Dense"))


def scale(view: View) -> Code:
    layer = view.layer
    count, axis = layer.count(view.shape), positive_axis(layer.axis, view.shape)
    shape = (count, *[1] * (len(view.shape) - axis))
    weights = {
        name: Slot(path, shape, None, (count,))
        for name, path in {"weight": "weight", "bias": "bias"}.items()
    }
    make = call("Scale", {"shape": shape}, bias=Opt(layer.bias, False))
    return Code(make=make, weights=weights, snippets=("Scale",))


TABLE: dict[str, Entry] = {
    "Dense": entry(dense),
    "Scale": entry(scale),
}
