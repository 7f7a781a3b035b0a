"""What all metrics have in common; how their columns in a history are called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.element import Element
from polyframe.spec.layers.base import Shape

if TYPE_CHECKING:
    from polyframe.spec.losses.base import Loss


class Metric(Element, family="metric"):
    """The base of all metrics.

    ``totals = start(shape)``, ``totals = update(totals, …)`` for every batch, then
    ``value(totals)``. Totals are one float64 or int64 array, so that a checkpoint can
    hold them bit for bit, and are never changed in place.

    ``update`` is given weights where samples have some (``sample_weight``), or where the
    loss of the same output ignores a label: what has weight 0 does not count at all.

    What its output is, a metric learns from the loss of that output: logits of classes
    (targets are integer labels), binary logits (each number of the output has a target of
    its own, which ``update`` is given as True or False), or numbers.
    """

    labels: ClassVar[bool] = False  # it takes integer labels
    binary: ClassVar[bool] = False  # it takes the targets of binary losses, as bool
    keeps_outputs: ClassVar[bool] = False
    """Totals are rows, more with every batch: those of several batches are put together
    by joining them, and a checkpoint's may be of any number."""
    larger_is_better: ClassVar[bool | None] = None  # None: it has no order

    @property
    def key(self) -> str:
        """Its column in a history; those of one training differ (see check_keys)."""
        return self.word

    @classmethod
    def owns(cls, key: str) -> bool:
        """Whether a metric of this class may have that key."""
        return key == cls.word

    @classmethod
    def fits(cls, loss: Loss) -> bool:
        """Whether it measures outputs that are trained with that loss."""
        if loss.labels:
            return cls.labels
        return (cls.binary and loss.binary) or not (cls.labels or cls.binary)

    def check(self, shape: Shape) -> None:
        """SpecError unless a model's output of that shape per sample can be measured;
        not asked about outputs of a binary loss, which may have any shape."""

    def start(self, shape: Shape) -> Array:
        """The totals of no samples, for an output of that shape per sample."""
        raise NotImplementedError

    def update(
        self,
        totals: Array,
        output: Array,
        target: Array,
        weights: Array | None = None,
    ) -> Array:
        """Totals after one more batch: outputs (N, …), their targets (of a binary loss:
        bool, of the output's shape), and weights, one for each sample, (N,), or for each
        label, (N, H, W); without any, all are 1. A label of weight 0 may lie outside the
        classes."""
        raise NotImplementedError

    def value(self, totals: Array) -> float | Array:
        """The metric; by default the first total over the second, 0 where nothing
        counted."""
        return float(totals[0] / totals[1]) if totals[1] else 0.0


def spread(weights: Array | None, shape: Shape) -> Array:
    """Weights (N, …) for all numbers of an array of that shape; 1 without any."""
    if weights is None:
        return np.ones(shape)
    axes = [1] * (len(shape) - weights.ndim)
    return np.broadcast_to(weights.reshape(*weights.shape, *axes), shape)


def check_keys(metrics: Iterable[Metric]) -> None:
    """SpecError where two metrics would write one column of the history."""
    known: set[str] = set()
    for metric in metrics:
        if metric.key in known:
            raise SpecError(
                f"{metric.key} is there twice",
                where="metrics",
                hint="each metric has a column of its own in the history",
            )
        known.add(metric.key)


def larger_is_better(column: str) -> bool | None:
    """Whether a column of a history is to grow: by how its name ends.

    ``val_accuracy`` and ``digits_top_5_accuracy`` are (of an output ``digits``), a loss
    is not; None for what no metric knows (``seconds``).
    """
    known = [Metric.find(word) for word in Metric.registry]
    key = column
    while key:
        if key == "loss":
            return False
        for metric in known:
            if metric.owns(key):
                return metric.larger_is_better
        key = key.partition("_")[2]
    return None
