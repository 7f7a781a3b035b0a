"""Metrics of numbers: means over all numbers of all samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from polyframe.errors import DataError
from polyframe.io.array import Array
from polyframe.spec.element import define
from polyframe.spec.layers.base import Shape
from polyframe.spec.metrics.base import Metric, spread

if TYPE_CHECKING:
    from polyframe.spec.losses.base import Loss


class _Errors(Metric):
    """A mean over all numbers of all samples, in float64; overflow gives infinity.

    With sample weights ``s`` it is ``Σ s · error / Σ s``.
    """

    larger_is_better = False

    @classmethod
    def fits(cls, loss: Loss) -> bool:
        # A logit is no estimate of its target: its sigmoid would be.
        return super().fits(loss) and loss.takes != "logits"

    def start(self, shape: Shape) -> Array:
        return np.zeros(2)

    def update(
        self,
        totals: Array,
        output: Array,
        target: Array,
        weights: Array | None = None,
    ) -> Array:
        if output.shape != target.shape:
            raise DataError(
                f"is {target.shape}; {output.shape} is needed", where="y"
            )  # NumPy would spread (N,) over (N, 1)
        with np.errstate(over="ignore", invalid="ignore"):
            errors = self.errors(output.astype(np.float64) - target)
            each = spread(weights, errors.shape)
            # Not 0 times an infinite error: what has no weight does not count.
            errors = np.where(each > 0, each * errors, 0)
            out: Array = totals + np.array([errors.sum(), each.sum()])
            return out

    def errors(self, difference: Array) -> Array:
        """What is averaged, from output - target."""
        raise NotImplementedError


@define
class MeanSquaredError(_Errors):
    """The mean of (output - target)² over all numbers."""

    word = "mse"

    def errors(self, difference: Array) -> Array:
        return difference**2


@define
class MeanAbsoluteError(_Errors):
    """The mean of |output - target| over all numbers."""

    word = "mae"

    def errors(self, difference: Array) -> Array:
        return np.abs(difference)
