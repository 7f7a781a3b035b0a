"""Metrics: totals over a whole set, then one number; the last partial batch counts."""

from __future__ import annotations

import numpy as np

from polyframe.spec.element import Element, define


class Metric(Element, family="metric"):
    """The base of all metrics: ``update`` adds a batch to totals, ``value`` ends it."""

    labels = False  # whether targets have to be integer labels

    def update(
        self, totals: np.ndarray, output: np.ndarray, target: np.ndarray
    ) -> np.ndarray:
        """Totals after one more batch; they start as ``np.zeros(2)``."""
        raise NotImplementedError

    def value(self, totals: np.ndarray) -> float:
        """The metric: the first total over the second, by default."""
        return float(totals[0] / totals[1]) if totals[1] else float("nan")


@define
class Accuracy(Metric):
    """The share of samples whose largest output stands at the label."""

    word = "accuracy"
    labels = True

    def update(
        self, totals: np.ndarray, output: np.ndarray, target: np.ndarray
    ) -> np.ndarray:
        right = np.count_nonzero(output.argmax(axis=1) == target)
        return totals + (right, len(target))


@define
class MeanAbsoluteError(Metric):
    """The mean of |output - target| over all numbers."""

    word = "mae"

    def update(
        self, totals: np.ndarray, output: np.ndarray, target: np.ndarray
    ) -> np.ndarray:
        error = np.abs(output.astype(np.float64) - target)
        return totals + (error.sum(), error.size)
