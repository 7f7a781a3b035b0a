"""What PyTorch's programs say for dense layers."""

from __future__ import annotations

from polyframe.backends.pytorch.tables.common import AS_IS
from polyframe.compiler.source import Opt, call
from polyframe.compiler.table import Code, Entry, View, entry


def dense(view: View) -> Code:
    make = call(
        "nn.Linear",
        {"in_features": view.shape[0], "out_features": view.layer.out_features},
        bias=Opt(view.layer.bias, True),
    )
    return Code(make=make, weights=AS_IS)


TABLE: dict[str, Entry] = {
    "Dense": entry(dense),
}
