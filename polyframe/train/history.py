"""The history of a training, a row for each epoch, and the totals that make a row."""

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
"""The values of an epoch by name: numbers, or an array (a confusion matrix)."""


@dataclass
class History:
    """Rows of values, one for each epoch; ``history["loss"]`` is a column."""

    rows: list[Row] = field(default_factory=list)
    stopped: str | None = None  # why training ended before its last epoch, if it did

    def __getitem__(self, name: str) -> list[Any]:
        return [row[name] for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class BoundMetric:
    """A metric of one output, what its column is called, and the label that the output's
    loss ignores, if any."""

    key: str
    metric: Metric
    output: int
    shape: Shape
    ignored: int | None = None

    def weights(self, target: Array, given: Array | None) -> Array | None:
        """What counts in the metric: sample weights (N,), and 0 for ignored labels."""
        if self.ignored is None or target.dtype.kind not in "iu":
            return given
        weights: Array = (target != self.ignored).astype(np.float64)
        if given is not None:
            weights *= given.reshape(-1, *[1] * (weights.ndim - 1))
        return weights


def bind_metrics(
    metrics: Sequence[Metric], losses: Losses, outputs: Sequence[tuple[str, Shape]]
) -> list[BoundMetric]:
    """The metrics that fit each output: ``accuracy``, or, where a model has several
    outputs, ``<output>_accuracy``."""
    several, bound = len(outputs) > 1, []
    for m in metrics:
        fits = [i for i, loss in enumerate(losses) if loss.labels == m.labels]
        if not fits:
            needed = "class labels" if m.labels else "targets that are numbers"
            types = ", ".join(dict.fromkeys(loss.type for loss in losses))
            raise SpecError(
                f"{m.type} needs {needed}, which {types} does not take", where="metrics"
            )
        for index in fits:
            name, shape = outputs[index]
            m.check(shape)
            key = f"{name}_{m.key}" if several else m.key
            ignored = losses[index].ignored_label
            bound.append(BoundMetric(key, m, index, shape, ignored))
    return bound


class Totals:
    """Loss and metrics over batches; ``factors``: the ``loss_weight`` of each output."""

    def __init__(
        self, metrics: Sequence[BoundMetric], factors: Sequence[float] = (1.0,)
    ) -> None:
        self.metrics, self.factors = metrics, factors
        self.losses = np.zeros((len(factors), 2))  # summed losses, summed weights
        self.totals = [m.metric.start(m.shape) for m in metrics]

    def add_loss(self, loss: float, weight: float, index: int = 0) -> None:
        """Add a batch's sum of losses, and its share in the denominator."""
        self.losses[index] += loss, weight

    def add(
        self,
        outputs: Sequence[Array],
        targets: Sequence[Array],
        given: Array | None = None,
    ) -> None:
        """Add the outputs, the targets and, if there are any, the sample weights (N,) of
        a batch to the metrics."""
        for i, m in enumerate(self.metrics):
            output, target = outputs[m.output], targets[m.output]
            weights = m.weights(target, given)
            self.totals[i] = m.metric.update(self.totals[i], output, target, weights)

    def values(self) -> Row:
        """``{"loss": …, metric: …}``; a loss of 0 where nothing counts in its
        denominator, as in a step."""
        sums, shares = self.losses.T
        means = np.where(shares > 0, sums / np.where(shares > 0, shares, 1), 0)
        row: Row = {"loss": float(means @ self.factors)}
        for m, totals in zip(self.metrics, self.totals, strict=True):
            row[m.key] = m.metric.value(totals)
        return row

    def state(self) -> dict[str, Array]:
        """The totals so far, as arrays."""
        arrays = {"loss": self.losses}
        for m, totals in zip(self.metrics, self.totals, strict=True):
            arrays[m.key] = totals
        return arrays

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
