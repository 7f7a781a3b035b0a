"""Metrics of how scores rank positive samples before negative ones.

They have no threshold, and are not means over batches: all outputs of an epoch, or of an
evaluation, are kept and sorted at its end, so that the value is exact, however the samples
are cut into batches. It takes 16 bytes for each number of the outputs.
"""

from __future__ import annotations

import numpy as np

from polyframe.io.array import Array
from polyframe.spec.element import define
from polyframe.spec.fields import field
from polyframe.spec.layers.base import Shape
from polyframe.spec.metrics.binary import decisions
from polyframe.spec.metrics.labels import AVERAGE, _Averaged, counted


class _Ranking(_Averaged):
    """A value for each channel, from rows (P, C, 2) of all samples (or pixels): the score,
    and the weight, with a minus for negative targets.

    Of binary losses, scores are the logits. Of losses of classes, each class is ranked
    against the rest by its probability, the softmax of the logits.

    A score of NaN counts as the worst that there can be: -∞ of a positive target, ∞ of a
    negative one.
    """

    keeps_outputs = True

    def start(self, shape: Shape) -> Array:
        return np.zeros((0, shape[0], 2))

    def update(
        self,
        totals: Array,
        output: Array,
        target: Array,
        weights: Array | None = None,
    ) -> Array:
        if target.dtype.kind == "b":
            scores, positive, each = decisions(output, target, weights)
            kept = each.any(axis=1)
            scores, positive, each = scores[kept], positive[kept], each[kept]
        else:
            logits, labels, each = counted(output, target, weights)
            scores = softmax(logits.astype(np.float64))
            positive = labels[:, None] == np.arange(logits.shape[1])
            each = each[:, None]
        worst = np.where(positive, -np.inf, np.inf)
        scores = np.where(np.isnan(scores), worst, scores)
        rows = np.stack([scores, np.where(positive, each, -each)], axis=-1)
        out: Array = np.concatenate([totals, rows])
        return out

    def value(self, totals: Array) -> float:
        if not totals.size:
            return 0.0
        if self.average == "micro":
            totals = totals.reshape(-1, 1, 2)
        shares = np.array(
            [self.share(*curve(*each.T)) for each in totals.swapaxes(0, 1)]
        )
        defined = shares[~np.isnan(shares)]
        return float(defined.mean()) if defined.size else float("nan")

    def share(self, true: Array, false: Array) -> float:
        """The value of one channel from its curve; NaN where it has none."""
        raise NotImplementedError


def softmax(logits: Array) -> Array:
    """Probabilities of classes (P, K); NaN for all of a row with NaN or ∞."""
    with np.errstate(invalid="ignore"):
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    out: Array = powers / powers.sum(axis=1, keepdims=True)
    return out


def curve(scores: Array, weights: Array) -> tuple[Array, Array]:
    """For each score as a threshold, from the highest down: the summed weights of the true
    positives, and those of the false positives. Equal scores are one threshold."""
    scores, weights = scores[weights != 0], weights[weights != 0]
    order = np.argsort(-scores, kind="stable")
    scores, weights = scores[order], weights[order]
    last = np.append(scores[1:] != scores[:-1], True)[: len(scores)]
    true, false = np.maximum(weights, 0), np.maximum(-weights, 0)
    return true.cumsum()[last], false.cumsum()[last]


@define
class AUROC(_Ranking):
    """The area under the receiver operating characteristic curve.

    It is the probability that a random positive sample has a higher score than a random
    negative one, ties counting half: ``P(s₊ > s₋) + P(s₊ = s₋) / 2`` (Hanley and McNeil
    1982). (scikit-learn's ``roc_auc_score``; of classes, with ``multi_class="ovr"``.)

    - ``average``: "macro" (default), the mean over the channels, or "micro", over all
      numbers of the output together. ``key``: auroc, or auroc_micro.

    Where all targets are positive, or all negative, there is no area. Such a channel is
    left out of the mean; the metric is NaN where no channel has an area, and 0 where no
    sample counts.
    """

    average: str = field(AVERAGE, default="macro")

    word = "auroc"

    def share(self, true: Array, false: Array) -> float:
        if not true.size or not true[-1] or not false[-1]:
            return float("nan")
        middle = true - np.diff(true, prepend=0.0) / 2
        area = (np.diff(false, prepend=0.0) * middle).sum()
        return float(area / true[-1] / false[-1])


@define
class AveragePrecision(_Ranking):
    """The mean of the precision at each step of the recall: ``Σ (R[i] - R[i-1]) · P[i]``.

    ``P`` and ``R`` are precision and recall with the i-th highest score as the threshold;
    there is no interpolation (Manning et al. 2008, section 8.4; scikit-learn's
    ``average_precision_score``).

    - ``average``: "macro" (default), the mean over the channels, or "micro", over all
      numbers of the output together. ``key``: average_precision, or
      average_precision_micro.

    A channel without positive targets has 0.
    """

    average: str = field(AVERAGE, default="macro")

    word = "average_precision"

    def share(self, true: Array, false: Array) -> float:
        if not true.size or not true[-1]:
            return 0.0
        precision = true / (true + false)
        return float((np.diff(true, prepend=0.0) * precision).sum() / true[-1])
