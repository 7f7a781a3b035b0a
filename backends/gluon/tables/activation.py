"""What MXNet Gluon's programs say for activation layers."""

from __future__ import annotations

from polyframe.compiler.source import call
from polyframe.compiler.table import Code, Entry, entry

TABLE: dict[str, Entry] = {
    "ReLU": entry(Code(make=call("nn.Activation", {"activation": "relu"}))),
    "Softmax": entry(lambda v: Code(f"F.softmax({{0}}, axis={v.layer.axis})")),
}
