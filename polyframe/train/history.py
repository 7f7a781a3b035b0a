"""What a training run leaves behind in memory: one row an epoch, and what adds it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from polyframe.errors import PolyframeError, SpecError
from polyframe.io.array import Array
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses import Losses
from polyframe.spec.metrics import Metric

Row = dict[str, Any]
"""Numbers by name, one row an epoch; a confusion matrix is an array."""


@dataclass
class History:
    """Rows of numbers, one an epoch; ``history["loss"]`` is a column."""

    rows: list[Row] = field(default_factory=list)
    stopped: str | None = None  # why training ended before its last epoch, if it did

    def __getitem__(self, name: str) -> list[Any]:
        return [row[name] for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class BoundMetric:
    """A metric of one output, and what its column is called."""

    key: str
    metric: Metric
    output: int
    shape: Shape


def bind_metrics(
    metrics: Sequence[Metric], losses: Losses, outputs: Sequence[tuple[str, Shape]]
) -> list[BoundMetric]:
    """The metrics that fit each output: ``accuracy``, or, where a model has several
    outputs, ``<output>_accuracy``."""
    several, found = len(outputs) > 1, []
    for m in metrics:
        fits = [i for i, loss in enumerate(losses) if loss.labels == m.labels]
        if not fits:
            wanted = "class labels" if m.labels else "targets that are numbers"
            taken = ", ".join(dict.fromkeys(loss.type for loss in losses))
            raise SpecError(
                f"{m.type} needs {wanted}, which {taken} does not take", where="metrics"
            )
        for index in fits:
            name, shape = outputs[index]
            m.check(shape)
            key = f"{name}_{m.key}" if several else m.key
            found.append(BoundMetric(key, m, index, shape))
    return found


class Totals:
    """Loss and metrics over batches; ``factors`` are those of several losses."""

    def __init__(
        self, metrics: Sequence[BoundMetric], factors: Sequence[float] = (1.0,)
    ) -> None:
        self.metrics, self.factors = metrics, factors
        self.losses = np.zeros((len(factors), 2))  # summed losses, summed weights
        self.totals = [m.metric.start(m.shape) for m in metrics]

    def add_loss(self, loss: float, weight: float, index: int = 0) -> None:
        """One more summed loss, and the sum of its samples' weights."""
        self.losses[index] += loss, weight

    def add(self, outputs: Sequence[Array], targets: Sequence[Array]) -> None:
        """The outputs and targets of one more batch."""
        for i, m in enumerate(self.metrics):
            output, target = outputs[m.output], targets[m.output]
            self.totals[i] = m.metric.update(self.totals[i], output, target)

    def values(self) -> Row:
        """``{"loss": …, metric: …}``; a loss of NaN where all weights are 0."""
        with np.errstate(invalid="ignore"):
            means = self.losses[:, 0] / self.losses[:, 1]
        found: Row = {"loss": float(means @ self.factors)}
        for m, totals in zip(self.metrics, self.totals, strict=True):
            found[m.key] = m.metric.value(totals)
        return found

    def state(self) -> dict[str, Array]:
        """The totals so far, as arrays."""
        found = {"loss": self.losses}
        for m, totals in zip(self.metrics, self.totals, strict=True):
            found[m.key] = totals
        return found

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on from what ``state`` gave. It comes from a file: PolyframeError unless
        it is of these metrics."""
        for name, own in self.state().items():
            given = state.get(name)
            if given is None or (given.shape, given.dtype) != (own.shape, own.dtype):
                raise PolyframeError(
                    f"the checkpoint has no totals of {name!r} that fit this training",
                    where="metrics",
                    hint="resume with the same metrics, on the same data",
                )
        self.losses = state["loss"]
        self.totals = [state[m.key] for m in self.metrics]
