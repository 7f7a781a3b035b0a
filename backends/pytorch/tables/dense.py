"""What PyTorch's programs say for dense layers."""

from __future__ import annotations

from polyframe.backends.pytorch.tables.common import AS_IS
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Opt, call
from polyframe.compiler.table import Entry, View
from polyframe.spec.layers.base import positive_axis


def dense(view: View) -> Code:
    make = call(
        "nn.Linear",
        {"in_features": view.shape[0], "out_features": view.layer.out_features},
        bias=Opt(view.layer.bias, True),
    )
    return Code(make=make, weights=AS_IS)


def scale(view: View) -> Code:
    layer = view.layer
    make = call(
        "Scale",
        {"size": layer.count(view.shape)},
        trailing_axes=Opt(len(view.shape) - positive_axis(layer.axis, view.shape), 0),
        bias=Opt(layer.bias, False),
    )
    return Code(make=make, weights=AS_IS, snippets=("Scale",))


TABLE: dict[str, Entry] = {
    "Dense": entry(dense),
    "Scale": entry(scale),
}
