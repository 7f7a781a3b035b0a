"""Loss and metrics of a training or an evaluation: totals over batches, one row at the end.

It needs NumPy alone, and ``eject`` copies it into scripts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from polyframe.errors import DataError, PolyframeError, SpecError
from polyframe.io.array import Array
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses import Losses
from polyframe.spec.metrics import Metric

Row = dict[str, Any]
"""The values of an epoch by name: numbers, or an array (a confusion matrix)."""
MOST_KEPT = 2**26
"""How many outputs a metric keeps of one epoch or evaluation: 1 GiB of rows."""


@dataclass(frozen=True)
class BoundMetric:
    """A metric of one output, what its column is called, the label that the output's loss
    ignores, if any, and whether that loss is a binary one."""

    key: str
    metric: Metric
    output: int
    shape: Shape
    ignored: int | None = None
    binary: bool = False

    def weights(self, target: Array, given: Array | None) -> Array | None:
        """What counts in the metric: sample weights (N,), and 0 for ignored labels."""
        if self.ignored is None or target.dtype.kind not in "iu":
            return given
        weights: Array = (target != self.ignored).astype(np.float64)
        if given is not None:
            weights *= given.reshape(-1, *[1] * (weights.ndim - 1))
        return weights

    def update(
        self, totals: Array, output: Array, target: Array, given: Array | None
    ) -> Array:
        """The metric's totals after one more batch, with sample weights or None."""
        weights = self.weights(target, given)
        if self.binary:
            target = target > 0.5  # also of the signs -1 and 1
        return self.metric.update(totals, output, target, weights)


def bind_metrics(
    metrics: Sequence[Metric], losses: Losses, outputs: Sequence[tuple[str, Shape]]
) -> list[BoundMetric]:
    """The metrics that fit each output: ``accuracy``, or, where a model has several
    outputs, ``<output>_accuracy``."""
    several, bound = len(outputs) > 1, []
    for m in metrics:
        fits = [i for i, loss in enumerate(losses) if m.fits(loss)]
        if not fits:
            raise unfit(m, losses)
        for index in fits:
            (name, shape), loss = outputs[index], losses[index]
            binary = loss.binary and m.binary
            if not binary:
                m.check(shape)
            key = f"{name}_{m.key}" if several else m.key
            bound.append(BoundMetric(key, m, index, shape, loss.ignored_label, binary))
    return bound


def unfit(metric: Metric, losses: Losses) -> SpecError:
    """The error for a metric that no output is for, naming those that are known for it."""
    kinds = {"class labels": metric.labels, "binary targets": metric.binary}
    needed = " or ".join(kind for kind, is_so in kinds.items() if is_so)
    types = ", ".join(dict.fromkeys(loss.type for loss in losses))
    known = map(Metric.find, sorted(Metric.registry))
    fitting = [m.word for m in known if any(map(m.fits, losses))]
    return SpecError(
        f"{metric.type} needs {needed or 'targets that are numbers'}, which {types} does "
        "not take",
        where="metrics",
        hint=f"metrics for {types}: {', '.join(fitting)}" if fitting else None,
    )


class Totals:
    """Loss and metrics over batches; ``factors``: the ``loss_weight`` of each output."""

    def __init__(
        self, metrics: Sequence[BoundMetric], factors: Sequence[float] = (1.0,)
    ) -> None:
        self.metrics, self.factors = metrics, factors
        self.losses = np.zeros((len(factors), 2))  # summed losses, summed weights
        # Of metrics that keep outputs, those of each batch since they were last joined.
        self.parts = [[m.metric.start(m.shape)] for m in metrics]
        self.kept = [0] * len(metrics)  # numbers of the outputs that a metric keeps

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
        for i, (m, parts) in enumerate(zip(self.metrics, self.parts, strict=True)):
            output, target = outputs[m.output], targets[m.output]
            if not m.metric.keeps_outputs:
                parts[0] = m.update(parts[0], output, target, given)
                continue
            self.kept[i] += output.size
            if self.kept[i] > MOST_KEPT:
                raise DataError(
                    f"it keeps the outputs of all samples, {MOST_KEPT} numbers at most, "
                    "and these are more",
                    where=m.key,
                    hint="leave it out of the metrics; f1 and mean_iou keep nothing",
                )
            start = m.metric.start(m.shape)
            parts.append(m.update(start, output, target, given))

    def totals(self) -> list[Array]:
        """The totals of each metric."""
        for parts in self.parts:
            if len(parts) > 1:
                parts[:] = [np.concatenate(parts)]
        return [part for (part,) in self.parts]

    def values(self) -> Row:
        """``{"loss": …, metric: …}``; a loss of 0 where nothing counts in its
        denominator, as in a step."""
        sums, shares = self.losses.T
        means = np.where(shares > 0, sums / np.where(shares > 0, shares, 1), 0)
        row: Row = {"loss": float(means @ self.factors)}
        for m, totals in zip(self.metrics, self.totals(), strict=True):
            row[m.key] = m.metric.value(totals)
        return row

    def state(self) -> dict[str, Array]:
        """The totals so far, as arrays."""
        arrays = {"loss": self.losses}
        for m, totals in zip(self.metrics, self.totals(), strict=True):
            arrays[m.key] = totals
        return arrays

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on from what ``state`` gave."""
        self.losses = state["loss"]
        self.parts = [[state[m.key]] for m in self.metrics]
        self.kept = [state[m.key].size // 2 for m in self.metrics]  # rows of two


def check_state(totals: Totals, state: Mapping[str, Array]) -> None:
    """PolyframeError unless a state, which comes from a file, is of these metrics."""
    growing = {m.key for m in totals.metrics if m.metric.keeps_outputs}
    for name, own in totals.state().items():
        given, first = state.get(name), 1 if name in growing else 0
        if (
            given is None
            or given.ndim != own.ndim
            or (given.shape[first:], given.dtype) != (own.shape[first:], own.dtype)
        ):
            raise PolyframeError(
                f"the checkpoint has no totals of {name!r} that fit this training",
                where="metrics",
                hint="resume with the same metrics, on the same data",
            )
