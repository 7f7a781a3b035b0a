"""What PyTorch's programs say for depthwise and separable convolutions."""

from __future__ import annotations

from polyframe.backends.pytorch.tables.conv import SINGLE_PLACE, conv, module, padded
from polyframe.compiler.program import Slot
from polyframe.compiler.source import listing
from polyframe.compiler.table import Code, Entry, Form, View, entry

HALVES = {
    "depthwise_weight": Slot("0.weight"),
    "pointwise_weight": Slot("1.weight"),
    "bias": Slot("1.bias"),
}


def separable(view: View) -> Code:
    first, second = view.layer.depthwise(view.shape[0]), view.layer.pointwise()
    between = first.infer(view.shape)
    halves = [module(first, view.shape), module(second, between)]
    x = padded(first, view.shape)
    return Code("{self}(" + x + ")", listing("nn.Sequential", halves), HALVES)


TABLE: dict[str, Entry] = {
    "DepthwiseConv2D": Entry((SINGLE_PLACE, Form("native", conv))),
    "SeparableConv2D": entry(separable),
}
