"""What TensorFlow's programs say for merge layers."""

from __future__ import annotations

from polyframe.backends.tf.tables.common import along
from polyframe.compiler.source import call
from polyframe.compiler.table import Code, Entry, entry

TABLE: dict[str, Entry] = {
    "Add": entry(Code("{self}([{all}])", call("layers.Add"))),
    "Concat": entry(along("layers.Concatenate", "{self}([{all}])")),
}
