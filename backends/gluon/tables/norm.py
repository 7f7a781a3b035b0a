"""What MXNet Gluon's programs say for norm layers."""

from __future__ import annotations

from polyframe.compiler.table import Entry

TABLE: dict[str, Entry] = {}
