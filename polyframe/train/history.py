"""The history of a training, a row for each epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from polyframe.spec.totals import Row


@dataclass
class History:
    """Rows of values, one for each epoch; ``history["loss"]`` is a column."""

    rows: list[Row] = field(default_factory=list)
    stopped: str | None = None  # why training ended before its last epoch, if it did

    def __getitem__(self, name: str) -> list[Any]:
        return [row[name] for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)
