"""What MXNet Gluon's programs say for depthwise and separable convolutions."""

from __future__ import annotations

from polyframe.backends.gluon.tables.common import WEIGHTS, lowered, padded_entry
from polyframe.backends.gluon.tables.conv import block, padded_input
from polyframe.compiler.program import Slot
from polyframe.compiler.python.code import Code
from polyframe.compiler.python.source import listing
from polyframe.compiler.table import Entry, View

HALVES = {
    "depthwise_weight": Slot("0.weight"),
    "pointwise_weight": Slot("1.weight"),
    "bias": Slot("1.bias"),
}


def depthwise(view: View) -> Code:
    conv = view.layer.conv(view.shape[0])
    _, x, helpers = padded_input(conv, view.shape)
    make = block(view, conv, view.shape)
    return Code(
        "{self}(" + x + ")", make, WEIGHTS, (*helpers, *lowered(view, "Conv2D"))
    )


def separable(view: View) -> Code:
    first, second = view.layer.depthwise(view.shape[0]), view.layer.pointwise()
    between = first.infer(view.shape)
    halves = [block(view, first, view.shape), block(view, second, between)]
    _, x, helpers = padded_input(first, view.shape)
    names = (*helpers, *lowered(view, "Conv2D"), "sequential")
    return Code("{self}(" + x + ")", listing("sequential", halves), HALVES, names)


TABLE: dict[str, Entry] = {
    "DepthwiseConv2D": padded_entry(depthwise),
    "SeparableConv2D": padded_entry(separable),
}
