"""Metrics of binary tasks, with one decision for each number of the output.

They are for the outputs of binary losses (``binary_cross_entropy``, ``focal``, ``dice``
with the sigmoid, ``hinge``): one logit for each sample, one for each label of several, or
one for each channel of each pixel. A logit above 0, a probability above ½, predicts the
positive class, and a target above ½ is positive (also of soft targets, and of -1 and 1).
NaN predicts the negative class, and is never right.

Channels (axis 1) are the labels of a multi-label task; pixels are samples of their own.
"""

from __future__ import annotations

import math

import numpy as np

from polyframe.errors import DataError
from polyframe.io.array import Array
from polyframe.spec.element import define
from polyframe.spec.fields import Float, field
from polyframe.spec.layers.base import Shape
from polyframe.spec.metrics.base import Metric, spread


def decisions(
    output: Array, target: Array, weights: Array | None = None
) -> tuple[Array, Array, Array]:
    """Logits (P, C), whether targets are positive (P, C), and weights (P, C) of all samples
    (or pixels), in order."""
    if target.dtype != bool or target.shape != output.shape:
        raise DataError(
            f"is {target.dtype} {target.shape}; bool {output.shape} is needed",
            where="y",
        )
    # One weight for each pixel of all its channels stands before them as (N, 1, H, W).
    if weights is not None and 1 < weights.ndim < output.ndim:
        weights = weights[:, None]
    logits, positive, each = (
        np.moveaxis(array, 1, -1).reshape(-1, output.shape[1])
        for array in (output, target, spread(weights, output.shape))
    )
    return logits.astype(np.float64), positive, each


@define
class BinaryAccuracy(Metric):
    """The share of decisions that are right, over all numbers of all samples.

    The prediction is positive where ``σ(x) > threshold``, computed as
    ``x > log(threshold / (1 - threshold))`` (Keras's ``BinaryAccuracy``; one minus
    scikit-learn's ``hamming_loss``).

    - ``threshold``: the probability above which a prediction is positive, 0.5. It does not
      change which targets are: those above ½.
    """

    threshold: float = field(Float(0.0, 1.0, below=True, above=True), default=0.5)

    word = "binary_accuracy"
    binary = True
    larger_is_better = True

    def start(self, shape: Shape) -> Array:
        return np.zeros(2)

    def update(
        self,
        totals: Array,
        output: Array,
        target: Array,
        weights: Array | None = None,
    ) -> Array:
        logits, positive, each = decisions(output, target, weights)
        least = math.log(self.threshold / (1 - self.threshold))
        right = ((logits > least) == positive) & ~np.isnan(logits)
        out: Array = totals + np.array([each[right].sum(), each.sum()])
        return out
