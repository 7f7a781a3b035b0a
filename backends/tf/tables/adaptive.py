"""What TensorFlow's programs say for adaptive layers."""

from __future__ import annotations

from polyframe.compiler.source import call
from polyframe.compiler.table import Code, Entry, entry

TABLE: dict[str, Entry] = {
    "GlobalAvgPool2D": entry(Code(make=call("layers.GlobalAveragePooling2D"))),
}
