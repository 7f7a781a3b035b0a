"""What a training run leaves behind in memory: one row an epoch, and what adds it up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from polyframe.spec.metrics import Metric


@dataclass
class History:
    """Rows of numbers, one an epoch; ``history["loss"]`` is a column."""

    rows: list[dict[str, float]] = field(default_factory=list)

    def __getitem__(self, name: str) -> list[float]:
        return [row[name] for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)


class Totals:
    """Loss and metrics over batches."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.metrics = metrics
        self.loss, self.count = 0.0, 0
        self.totals = [np.zeros(2) for _ in metrics]

    def add(
        self,
        loss: float,
        count: int,
        outputs: Sequence[np.ndarray],
        targets: Sequence[np.ndarray],
    ) -> None:
        """One more batch: its summed loss, its size, outputs and targets."""
        self.loss, self.count = self.loss + loss, self.count + count
        for i, metric in enumerate(self.metrics):
            for output, target in zip(outputs, targets, strict=True):
                self.totals[i] = metric.update(self.totals[i], output, target)

    def values(self) -> dict[str, float]:
        """``{"loss": …, metric: …}``."""
        found = {"loss": self.loss / max(self.count, 1)}
        for metric, totals in zip(self.metrics, self.totals, strict=True):
            found[metric.type] = metric.value(totals)
        return found
