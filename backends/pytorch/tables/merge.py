"""What PyTorch's programs say for merge layers."""

from __future__ import annotations

from polyframe.compiler.table import Code, Entry, entry

TABLE: dict[str, Entry] = {
    "Add": entry(Code("{sum}")),
    "Concat": entry(lambda v: Code(f"torch.cat(({{all}}), dim={v.layer.axis})")),
}
