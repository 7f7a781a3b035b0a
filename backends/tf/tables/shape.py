"""What TensorFlow's programs say for shape layers."""

from __future__ import annotations

from polyframe.backends.tf.tables.common import channels_first
from polyframe.compiler.source import call
from polyframe.compiler.table import Code, Entry, View, entry


def flatten(view: View) -> Code:
    make = call("layers.Flatten")
    if len(view.shape) == 1 or view.shape[0] == 1 or max(view.shape[1:]) == 1:
        return Code(make=make)
    return Code(f"{{self}}({channels_first(view.shape)})", make)


TABLE: dict[str, Entry] = {
    "Flatten": entry(flatten),
}
