"""What MXNet Gluon's programs say for dense layers."""

from __future__ import annotations

from polyframe.backends.gluon.tables.common import WEIGHTS, low, lowered
from polyframe.compiler.source import Opt, call
from polyframe.compiler.table import Code, Entry, View, entry


def dense(view: View) -> Code:
    make = call(
        low(view, "Dense"),
        {"units": view.layer.out_features},
        use_bias=Opt(view.layer.bias, True),
        in_units=view.shape[0],
    )
    return Code(make=make, weights=WEIGHTS, snippets=lowered(view, "Dense"))


TABLE: dict[str, Entry] = {
    "Dense": entry(dense),
}
