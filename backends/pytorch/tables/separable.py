"""What PyTorch's programs say for depthwise and separable convolutions."""

from __future__ import annotations

from polyframe.backends.pytorch.tables.common import own_same
from polyframe.backends.pytorch.tables.conv import (
    SINGLE_POSITION,
    conv,
    module,
    padded,
    strided,
)
from polyframe.compiler.program import Slot
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import listing
from polyframe.compiler.table import Entry, Form, View

HALVES = {
    "depthwise_weight": Slot("0.weight"),
    "pointwise_weight": Slot("1.weight"),
    "bias": Slot("1.bias"),
}


def separable(view: View) -> Code:
    first, second = view.layer.depthwise(view.shape[0]), view.layer.pointwise()
    between = first.infer(view.shape)
    first_half = module(first, view.shape, own_same(view))
    halves = [first_half, module(second, between)]
    x = padded(first, view.shape)
    return Code("{self}(" + x + ")", listing("nn.Sequential", halves), HALVES)


TABLE: dict[str, Entry] = {
    "DepthwiseConv2D": strided(
        Entry((SINGLE_POSITION, Form("native", conv))), "nn.Conv2d"
    ),
    "SeparableConv2D": strided(entry(separable), "nn.Conv2d"),
}
