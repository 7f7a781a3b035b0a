"""What PyTorch's programs say for resize layers."""

from __future__ import annotations

from polyframe.compiler.table import Entry

TABLE: dict[str, Entry] = {}
