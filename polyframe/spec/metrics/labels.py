"""Metrics of class labels.

Outputs are logits (N, K), or (N, K, H, W) where each pixel is a sample of its own (also
(N, K, L) and (N, K, D, H, W)), with integer labels (N,) or (N, H, W). Soft labels,
numbers of the output's shape, stand for the class of their largest (the first of
several). What a model predicts is the class of the largest logit, again the first of
several. Where one of a sample's logits is NaN, it predicts class K, which no label has:
that is never right, and counts as an answer.

Precision, recall, F1 and IoU also measure the outputs of binary losses: see
``polyframe.spec.metrics.binary``.

With weights, each sample (or pixel) counts as often as its weight says, and what has
weight 0 (a label that the loss ignores) does not count: not as right, not as wrong, not
in a denominator. Without any counted, a metric is 0.
"""

from __future__ import annotations

import re
from typing import ClassVar

import numpy as np

from polyframe.errors import DataError, SpecError
from polyframe.io.array import Array
from polyframe.spec.element import define
from polyframe.spec.fields import Choice, Int, field
from polyframe.spec.layers.base import Shape
from polyframe.spec.metrics.base import Metric, spread
from polyframe.spec.metrics.binary import decisions


class _Classes(Metric):
    """What the metrics of labels share."""

    labels = True
    larger_is_better: ClassVar[bool | None] = True

    def check(self, shape: Shape) -> None:
        if not 1 <= len(shape) <= 4 or shape[0] < 2:
            raise SpecError(
                f"{self.key} takes logits (classes,) or (classes, height, width) of at "
                f"least 2 classes per sample, got {shape}",
                hint="put a Dense or a Conv2D with an output for each class at the end",
            )

    def update(
        self,
        totals: Array,
        output: Array,
        target: Array,
        weights: Array | None = None,
    ) -> Array:
        out: Array = totals + self.count(*counted(output, target, weights))
        return out

    def count(self, logits: Array, labels: Array, weights: Array) -> Array:
        """What samples (or pixels) that count add to the totals: logits (P, K), labels
        (P,) and weights (P,), none 0."""
        raise NotImplementedError


def counted(
    output: Array, target: Array, weights: Array | None = None
) -> tuple[Array, Array, Array]:
    """Logits (P, K), labels (P,) and weights (P,) of all samples (or pixels) that count,
    in order."""
    if target.dtype.kind == "f" and target.shape == output.shape:
        target = target.argmax(axis=1)
    classes, wanted = output.shape[1], (len(output), *output.shape[2:])
    if target.dtype.kind not in "iu" or target.shape != wanted:
        raise DataError(
            f"is {target.dtype} {target.shape}; integer labels {wanted}, or numbers "
            f"{output.shape}, are needed",
            where="y",
        )
    logits = np.moveaxis(output, 1, -1).reshape(-1, classes)
    labels, each = target.ravel(), spread(weights, wanted).ravel()
    if weights is not None:
        kept = each > 0
        logits, labels, each = logits[kept], labels[kept], each[kept]
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise DataError(
            f"has labels from {labels.min()} to {labels.max()}, outside "
            f"0..{classes - 1}",
            where="y",
            hint="as many outputs as classes are needed",
        )
    return logits, labels.astype(np.int64, copy=False), each


def predictions(logits: Array) -> Array:
    """The class predicted for each row of logits; K where one of them is NaN."""
    classes: Array = logits.argmax(axis=1)
    classes[np.isnan(logits).any(axis=1)] = logits.shape[1]
    return classes


@define
class Accuracy(_Classes):
    """The fraction of samples (or pixels) whose largest logit is that of the label."""

    word = "accuracy"

    def start(self, shape: Shape) -> Array:
        return np.zeros(2)

    def count(self, logits: Array, labels: Array, weights: Array) -> Array:
        right = predictions(logits) == labels
        return np.array([weights[right].sum(), weights.sum()])


@define
class TopKAccuracy(_Classes):
    """The share of samples (or pixels) whose label is among the k largest logits.

    A label's rank is the number of logits that are larger than its own, plus the equal
    ones that come before it. The label counts as found if its rank is below ``k``
    (default 5). So ``k=1`` is accuracy, ties included, and a model does not profit from
    equal logits. ``key``: top_5_accuracy.
    """

    k: int = field(Int(1), default=5)

    word = "top_k_accuracy"

    @property
    def key(self) -> str:
        return f"top_{self.k}_accuracy"

    @classmethod
    def owns(cls, key: str) -> bool:
        return re.fullmatch(r"top_[1-9][0-9]*_accuracy", key) is not None

    def check(self, shape: Shape) -> None:
        super().check(shape)
        if self.k > shape[0]:
            raise SpecError(
                f"{self.key} needs at least {self.k} classes, got {shape[0]}",
                hint=f"k is at most {shape[0]} here",
            )

    def start(self, shape: Shape) -> Array:
        return np.zeros(2)

    def count(self, logits: Array, labels: Array, weights: Array) -> Array:
        own = np.take_along_axis(logits, labels[:, None], axis=1)
        before = np.arange(logits.shape[1]) < labels[:, None]
        rank = np.count_nonzero((logits > own) | (logits == own) & before, axis=1)
        hits = (rank < self.k) & ~np.isnan(logits).any(axis=1)
        return np.array([weights[hits].sum(), weights.sum()])


class _Averaged(_Classes):
    """A value for each class, or each channel of a binary loss, averaged: "macro", the
    mean of all of them, or "micro", the value of all decisions together."""

    binary = True
    average: str = "macro"

    @property
    def key(self) -> str:
        return self.word if self.average == "macro" else f"{self.word}_{self.average}"

    @classmethod
    def owns(cls, key: str) -> bool:
        return key in (cls.word, f"{cls.word}_micro")


class _PerClass(_Averaged):
    """A share for each class, then their mean, from sums of weights (4, K + 1) of each
    class: right, predicted, labelled, and whether it counts at all. The last column is
    the class of NaN.

    - "macro": the mean over all classes that occur among predictions or labels; a share
      of 0/0 is 0. (scikit-learn: ``average="macro"``, ``zero_division=0``.)
    - "micro": the share over the sums of all classes.

    Of binary losses: a share for each channel's positive class, and the mean over all
    channels. (scikit-learn's of multi-label targets; of one channel, ``average="binary"``.)
    """

    def start(self, shape: Shape) -> Array:
        return np.zeros((4, shape[0] + 1))

    def update(
        self,
        totals: Array,
        output: Array,
        target: Array,
        weights: Array | None = None,
    ) -> Array:
        if target.dtype.kind != "b":
            return super().update(totals, output, target, weights)
        logits, positive, each = decisions(output, target, weights)
        predicted = logits > 0
        masks = predicted & positive, predicted, positive
        sums = [(each * mask).sum(axis=0) for mask in masks]
        out = totals.copy()
        out[:, :-1] += np.stack([*sums, each.sum(axis=0)])
        return out

    def count(self, logits: Array, labels: Array, weights: Array) -> Array:
        predicted, size = predictions(logits), logits.shape[1] + 1
        right = predicted == labels
        sums = [
            np.bincount(labels[right], weights[right], size),
            np.bincount(predicted, weights, size),
            np.bincount(labels, weights, size),
        ]
        return np.stack([*sums, sums[1] + sums[2]])

    def value(self, totals: Array) -> float:
        *sums, occurs = totals
        sums = [each[occurs > 0] for each in sums]
        if not sums[0].size:
            return 0.0
        if self.average == "micro":
            sums = [each.sum(keepdims=True) for each in sums]
        over, under = self.share(*sums)
        return float(np.mean(over / np.where(under > 0, under, 1)))

    def share(
        self, right: Array, predicted: Array, labelled: Array
    ) -> tuple[Array, Array]:
        """Numerators and denominators; a numerator is 0 where its denominator is."""
        raise NotImplementedError


AVERAGE = Choice(("macro", "micro"))


@define
class Precision(_PerClass):
    """The share of a class's predictions that are right: ``TP / (TP + FP)``.

    ``average``: "macro" (default), the mean over all classes that occur, or "micro",
    over all predictions. ``key``: precision, or precision_micro. Of a binary loss: the
    share of the positive predictions that are right, the mean being over all channels.
    """

    average: str = field(AVERAGE, default="macro")

    word = "precision"

    def share(
        self, right: Array, predicted: Array, labelled: Array
    ) -> tuple[Array, Array]:
        return right, predicted


@define
class Recall(_PerClass):
    """The share of a class's labels that are found: ``TP / (TP + FN)``.

    ``average``: "macro" (default), the mean over all classes that occur, or "micro",
    over all labels. ``key``: recall, or recall_micro. Of a binary loss: the share of the
    positive targets that are found, the mean being over all channels.
    """

    average: str = field(AVERAGE, default="macro")

    word = "recall"

    def share(
        self, right: Array, predicted: Array, labelled: Array
    ) -> tuple[Array, Array]:
        return right, labelled


@define
class F1(_PerClass):
    """A class's harmonic mean of precision and recall: ``2·TP / (2·TP + FP + FN)``.

    (van Rijsbergen 1979, chapter 7, with β = 1.) ``average``: "macro" (default), the
    mean of it over all classes that occur, or "micro", of the sums over all classes.
    ``key``: f1, or f1_micro. Of a binary loss: that of the positive class, the mean being
    over all channels (of masks: the Dice coefficient over the pixels of all images).
    """

    average: str = field(AVERAGE, default="macro")

    word = "f1"

    def share(
        self, right: Array, predicted: Array, labelled: Array
    ) -> tuple[Array, Array]:
        return 2 * right, predicted + labelled


@define
class MeanIoU(_PerClass):
    """Intersection over union, ``TP / (TP + FP + FN)``, as a mean over classes.

    Classes that occur neither among the labels nor the predictions of the whole set are
    left out (scikit-learn's ``jaccard_score(average="macro")``). Of a binary loss: the
    mean over all channels of the positive class's IoU.
    """

    word = "mean_iou"

    @classmethod
    def owns(cls, key: str) -> bool:
        return key == cls.word

    def share(
        self, right: Array, predicted: Array, labelled: Array
    ) -> tuple[Array, Array]:
        return right, predicted + labelled - right


@define
class ConfusionMatrix(_Classes):
    """How often each class was predicted for each label: (K, K), row label, int64.

    All K classes have a row and a column. With sample weights that are not whole numbers
    it holds their sums, float64. Samples with NaN logits are in the totals (K, K + 1)
    only, so their row of the matrix does not add up to its label's count.
    """

    word = "confusion_matrix"
    larger_is_better = None

    def start(self, shape: Shape) -> Array:
        return np.zeros((shape[0], shape[0] + 1))

    def count(self, logits: Array, labels: Array, weights: Array) -> Array:
        classes = logits.shape[1]
        cells = labels * (classes + 1) + predictions(logits)
        counts = np.bincount(cells, weights, classes * (classes + 1))
        return counts.reshape(classes, classes + 1)

    def value(self, totals: Array) -> Array:
        matrix = totals[:, :-1]
        whole = (matrix == np.rint(matrix)).all()
        return matrix.astype(np.int64) if whole else matrix.copy()
