"""What TensorFlow's programs say for adaptive layers."""

from __future__ import annotations

from polyframe.backends.tf.tables.common import short
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Opt, call
from polyframe.compiler.table import Entry, View


def global_avg_pool(view: View) -> Code:
    function = f"layers.GlobalAveragePooling{view.layer.dims}D"
    return Code(make=call(function, keepdims=Opt(view.layer.keepdims, False)))


def global_max_pool(view: View) -> Code:
    """The helper: Keras's own splits the gradient between equal values."""
    option = ", keepdims=True" if view.layer.keepdims else ""
    return Code(f"global_max_pool({{0}}{option})", snippets=("global_max_pool",))


def adaptive(view: View, function: str, helper: str) -> Code:
    """Plain pooling where all windows have one size, else the helper."""
    window = view.layer.even_windows(view.shape)
    if window is not None:
        return Code(make=call(function, {"pool_size": short(window)}))
    _, height, width = view.node.shape
    return Code(f"{helper}({{0}}, {height}, {width})", snippets=(helper,))


def adaptive_avg_pool2d(view: View) -> Code:
    return adaptive(view, "layers.AveragePooling2D", "adaptive_avg_pool2d")


def adaptive_max_pool2d(view: View) -> Code:
    return adaptive(view, "layers.MaxPooling2D", "adaptive_max_pool2d")


TABLE: dict[str, Entry] = {
    "AdaptiveAvgPool2D": entry(adaptive_avg_pool2d),
    "AdaptiveMaxPool2D": entry(adaptive_max_pool2d),
    "GlobalAvgPool1D": entry(global_avg_pool),
    "GlobalAvgPool2D": entry(global_avg_pool),
    "GlobalAvgPool3D": entry(global_avg_pool),
    "GlobalMaxPool1D": entry(global_max_pool),
    "GlobalMaxPool2D": entry(global_max_pool),
    "GlobalMaxPool3D": entry(global_max_pool),
}
