"""What TensorFlow's programs say for dense layers."""

from __future__ import annotations

from polyframe.backends.tf.tables.common import BIAS, bias_snippets, biased, native_axis
from polyframe.compiler.program import Slot
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Opt, call
from polyframe.compiler.table import Entry, View

DENSE = {"weight": Slot("kernel", perm=(1, 0)), **BIAS}


def dense(view: View) -> Code:
    make = call(
        biased(view, "Dense"),
        {"units": view.layer.out_features},
        use_bias=Opt(view.layer.bias, True),
    )
    return Code(make=make, weights=DENSE, snippets=bias_snippets(view, "Dense"))


def scale(view: View) -> Code:
    layer = view.layer
    count, axis = layer.count(view.shape), native_axis(layer.axis, view.shape)
    axes_after = 0 if axis == -1 else len(view.shape) - axis
    shape = (count, *[1] * axes_after)
    weights = {"weight": Slot("scale"), "bias": Slot("bias")}
    make = call("Scale", {"shape": shape}, bias=Opt(layer.bias, False))
    return Code(make=make, weights=weights, snippets=("Scale",))


TABLE: dict[str, Entry] = {
    "Dense": entry(dense),
    "Scale": entry(scale),
}
