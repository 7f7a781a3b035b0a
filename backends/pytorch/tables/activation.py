"""What PyTorch's programs say for activation layers."""

from __future__ import annotations

from polyframe.compiler.source import call
from polyframe.compiler.table import Code, Entry, entry

TABLE: dict[str, Entry] = {
    "ReLU": entry(Code(make=call("nn.ReLU"))),
    "Softmax": entry(lambda v: Code(make=call("nn.Softmax", dim=v.layer.axis))),
}
