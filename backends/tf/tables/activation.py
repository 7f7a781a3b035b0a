"""What TensorFlow's programs say for activation layers."""

from __future__ import annotations

from polyframe.backends.tf.tables.common import along
from polyframe.compiler.source import call
from polyframe.compiler.table import Code, Entry, entry

TABLE: dict[str, Entry] = {
    "ReLU": entry(Code(make=call("layers.ReLU"))),
    "Softmax": entry(along("layers.Softmax", "{self}({0})")),
}
