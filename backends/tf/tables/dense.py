"""What TensorFlow's programs say for dense layers."""

from __future__ import annotations

from polyframe.backends.tf.tables.common import BIAS, bias_snippets, biased
from polyframe.compiler.program import Slot
from polyframe.compiler.source import Opt, call
from polyframe.compiler.table import Code, Entry, View, entry

DENSE = {"weight": Slot("kernel", perm=(1, 0)), **BIAS}


def dense(view: View) -> Code:
    make = call(
        biased(view, "Dense"),
        {"units": view.layer.out_features},
        use_bias=Opt(view.layer.bias, True),
    )
    return Code(make=make, weights=DENSE, snippets=bias_snippets(view, "Dense"))


TABLE: dict[str, Entry] = {
    "Dense": entry(dense),
}
