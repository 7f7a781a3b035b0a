"""What TensorFlow's programs say for merge layers."""

from __future__ import annotations

from polyframe.backends.tf.tables.common import along, native_axis
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import call
from polyframe.compiler.table import Entry, View
from polyframe.spec.layers.base import positive_axis

BROADCAST = {
    "Add": "{x} + {y}",
    "Average": "{x} + {y}",
    "Maximum": "tf.maximum({x}, {y})",
    "Minimum": "tf.minimum({x}, {y})",
    "Multiply": "{x} * {y}",
    "Subtract": "{x} - {y}",
}
"""Two inputs of different shapes."""


def merging(name: str) -> Entry:
    """Keras's layer of that name, for inputs of one shape. Where shapes differ, Keras's Add
    may take (N, 1, 1, 1) for a bias, and add it along another axis of size N."""

    def write(view: View) -> Code:
        shapes = view.node.in_shapes
        if len(set(shapes)) == 1:
            return Code("{self}([{all}])", call(f"layers.{name}"))
        text = "{0}"
        for i in range(1, len(shapes)):
            text = BROADCAST[name].format(x=text, y=f"{{{i}}}")
        return Code(f"({text}) / {len(shapes)}" if name == "Average" else text)

    return entry(write)


def reduce(name: str) -> Entry:
    """A reduction; the first axis that is left becomes the last one natively."""

    def write(view: View) -> Code:
        layer, shape = view.layer, view.shape
        rank = len(shape)
        axes = tuple(native_axis(axis, shape) for axis in layer.axes)
        keep = ", keepdims=True" if layer.keepdims else ""
        y = f"tf.{name}({{0}}, axis={axes[0] if len(axes) == 1 else axes}{keep})"
        gone = {positive_axis(axis, shape) for axis in layer.axes}
        left = rank - len(gone)
        if layer.keepdims or 1 not in gone or left == 1:
            return Code(y)
        return Code(f"tf.transpose({y}, {(0, *range(2, left + 1), 1)})")

    return entry(write)


TABLE: dict[str, Entry] = {
    "Add": merging("Add"),
    "Average": merging("Average"),
    "Concat": entry(along("layers.Concatenate", "{self}([{all}])")),
    "Maximum": merging("Maximum"),
    "Multiply": merging("Multiply"),
    "ReduceMean": reduce("reduce_mean"),
    "ReduceSum": reduce("reduce_sum"),
    "Subtract": merging("Subtract"),
}
