"""What PyTorch's programs say for adaptive layers."""

from __future__ import annotations

from collections.abc import Callable

from polyframe.backends.pytorch.tables.common import short
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import call
from polyframe.compiler.table import Entry, View


def global_pool(function: str) -> Callable[[View], Code]:
    """Pooling over all positions."""

    def write(view: View) -> Code:
        make = call(f"nn.{function}{view.layer.dims}d", {"size": 1})
        return Code(
            "{self}({0})" + ("" if view.layer.keepdims else ".flatten(1)"), make
        )

    return write


def adaptive(function: str) -> Callable[[View], Code]:
    """Pooling to a given size."""

    def write(view: View) -> Code:
        size = view.layer.output_size
        size = size if None in size else short(size)  # PyTorch wants a pair of Nones
        return Code(make=call(f"nn.{function}2d", {"output_size": size}))

    return write


TABLE: dict[str, Entry] = {
    "AdaptiveAvgPool2D": entry(adaptive("AdaptiveAvgPool")),
    "AdaptiveMaxPool2D": entry(adaptive("AdaptiveMaxPool")),
    "GlobalAvgPool1D": entry(global_pool("AdaptiveAvgPool")),
    "GlobalAvgPool2D": entry(global_pool("AdaptiveAvgPool")),
    "GlobalAvgPool3D": entry(global_pool("AdaptiveAvgPool")),
    "GlobalMaxPool1D": entry(global_pool("AdaptiveMaxPool")),
    "GlobalMaxPool2D": entry(global_pool("AdaptiveMaxPool")),
    "GlobalMaxPool3D": entry(global_pool("AdaptiveMaxPool")),
}
