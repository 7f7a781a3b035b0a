"""What MXNet Gluon's programs say for shape layers."""

from __future__ import annotations

from polyframe.compiler.source import call
from polyframe.compiler.table import Code, Entry, entry

TABLE: dict[str, Entry] = {
    "Flatten": entry(Code(make=call("nn.Flatten"))),
}
