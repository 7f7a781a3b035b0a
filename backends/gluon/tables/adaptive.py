"""What MXNet Gluon's programs say for adaptive layers."""

from __future__ import annotations

from collections.abc import Callable

from polyframe.backends.gluon.tables.common import short
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import call, literal
from polyframe.compiler.table import Entry, Form, View


def global_pool(function: str) -> Callable[[View], Code]:
    """Pooling over all positions."""

    def write(view: View) -> Code:
        make = call(f"nn.{function}{view.layer.dims}D")
        return Code("{self}({0})" + ("" if view.layer.keepdims else ".flatten()"), make)

    return write


def adaptive_avg_pool2d(view: View) -> Code:
    size = f"output_size={literal(view.node.shape[1:])}"
    return Code(f"F.contrib.AdaptiveAvgPooling2D({{0}}, {size})")


def exact(view: View) -> bool:
    """Whether every product of a position and a size is exact in float32, in which
    MXNet computes the windows."""
    pairs = zip(view.shape[1:], view.node.shape[1:], strict=True)
    return all(n * out < 2**24 for n, out in pairs)


def adaptive_max_pool2d(view: View) -> Code:
    window = view.layer.even_windows(view.shape)
    if window is not None:
        return Code(make=call("nn.MaxPool2D", {"pool_size": short(window)}))
    sizes = f"{literal(view.shape[1:])}, {literal(view.node.shape[1:])}"
    return Code(
        f"adaptive_max_pool2d(F, {{0}}, {sizes})", snippets=("adaptive_max_pool2d",)
    )


TABLE: dict[str, Entry] = {
    "AdaptiveAvgPool2D": Entry((Form("native", adaptive_avg_pool2d, exact),)),
    "AdaptiveMaxPool2D": entry(adaptive_max_pool2d),
    "GlobalAvgPool1D": entry(global_pool("GlobalAvgPool")),
    "GlobalAvgPool2D": entry(global_pool("GlobalAvgPool")),
    "GlobalAvgPool3D": entry(global_pool("GlobalAvgPool")),
    "GlobalMaxPool1D": entry(global_pool("GlobalMaxPool")),
    "GlobalMaxPool2D": entry(global_pool("GlobalMaxPool")),
    "GlobalMaxPool3D": entry(global_pool("GlobalMaxPool")),
}
