"""Metrics of class labels.

Outputs are logits (N, K), or (N, K, H, W) where each pixel is a sample of its own, with
integer labels (N,) or (N, H, W). Soft labels, numbers of the output's shape, stand for
the class of their largest (the first of several). What a model predicts is the class of
the largest logit, again the first of several. Where one of a sample's logits is NaN, it
predicts class K, which no label has: that is never right, and counts as an answer.
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
from polyframe.spec.metrics.base import Metric


class _Classes(Metric):
    """What the metrics of labels share."""

    labels = True
    larger_is_better: ClassVar[bool | None] = True

    def check(self, shape: Shape) -> None:
        if len(shape) not in (1, 3) or shape[0] < 2:
            raise SpecError(
                f"{self.key} takes logits (classes,) or (classes, height, width) of at "
                f"least 2 classes per sample, got {shape}",
                hint="put a Dense or a Conv2D with an output for each class at the end",
            )


def labels_of(output: Array, target: Array) -> Array:
    """The label of every sample (or pixel) in order, as one vector."""
    if target.dtype.kind == "f" and target.shape == output.shape:
        out: Array = target.argmax(axis=1).ravel()
        return out
    classes, wanted = output.shape[1], (len(output), *output.shape[2:])
    if target.dtype.kind not in "iu" or target.shape != wanted:
        raise DataError(
            f"is {target.dtype} {target.shape}; integer labels {wanted}, or numbers "
            f"{output.shape}, are needed",
            where="y",
        )
    if target.size and not 0 <= target.min() <= target.max() < classes:
        raise DataError(
            f"has labels from {target.min()} to {target.max()}, outside "
            f"0..{classes - 1}",
            where="y",
            hint="as many outputs as classes are needed",
        )
    return target.ravel().astype(np.int64, copy=False)


def predictions(output: Array) -> Array:
    """The class predicted for every sample (or pixel), in the same order; K for NaN."""
    classes = output.argmax(axis=1)
    classes[np.isnan(output).any(axis=1)] = output.shape[1]
    out: Array = classes.ravel()
    return out


@define
class Accuracy(_Classes):
    """The share of samples (or pixels) whose largest logit stands at the label."""

    word = "accuracy"

    def start(self, shape: Shape) -> Array:
        return np.zeros(2, np.int64)

    def update(self, totals: Array, output: Array, target: Array) -> Array:
        labels = labels_of(output, target)
        right = np.count_nonzero(predictions(output) == labels)
        out: Array = totals + np.array([right, len(labels)])
        return out


@define
class TopKAccuracy(_Classes):
    """The share of samples (or pixels) whose label is among the k largest logits.

    A label's rank is the number of logits that are larger, plus those that are equal
    and come first; it is found if that is below ``k`` (default 5). So ``k=1`` is
    accuracy, ties included, and a model that says the same of all classes gains
    nothing by it. ``key``: top_5_accuracy.
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
        return np.zeros(2, np.int64)

    def update(self, totals: Array, output: Array, target: Array) -> Array:
        labels = labels_of(output, target)
        classes = output.shape[1]
        logits = np.moveaxis(output, 1, -1).reshape(-1, classes)
        own = np.take_along_axis(logits, labels[:, None], axis=1)
        before = np.arange(classes) < labels[:, None]
        rank = np.count_nonzero((logits > own) | (logits == own) & before, axis=1)
        hits = (rank < self.k) & ~np.isnan(logits).any(axis=1)
        out: Array = totals + np.array([np.count_nonzero(hits), len(labels)])
        return out


class _PerClass(_Classes):
    """A share for each class, then their mean, from counts (3, K + 1) of each class:
    right, predicted, labelled. The last column is the class of NaN.

    - "macro": the mean over all classes that occur among predictions or labels; a share
      of 0/0 is 0. (scikit-learn: ``average="macro"``, ``zero_division=0``.)
    - "micro": the share over the sums of all classes.
    """

    average: str = "macro"

    @property
    def key(self) -> str:
        return self.word if self.average == "macro" else f"{self.word}_{self.average}"

    @classmethod
    def owns(cls, key: str) -> bool:
        return key in (cls.word, f"{cls.word}_micro")

    def start(self, shape: Shape) -> Array:
        return np.zeros((3, shape[0] + 1), np.int64)

    def update(self, totals: Array, output: Array, target: Array) -> Array:
        labels, predicted = labels_of(output, target), predictions(output)
        seen = predicted[predicted == labels], predicted, labels
        size = output.shape[1] + 1
        return totals + np.stack([np.bincount(each, minlength=size) for each in seen])

    def value(self, totals: Array) -> float:
        totals = totals[:, totals[1:].any(axis=0)]
        if not totals.size:
            return float("nan")
        if self.average == "micro":
            totals = totals.sum(axis=1, keepdims=True)
        over, under = self.share(*totals)
        return float(np.mean(over / np.maximum(under, 1)))

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
    over all predictions. ``key``: precision, or precision_micro.
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
    over all labels. ``key``: recall, or recall_micro.
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
    ``key``: f1, or f1_micro.
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
    left out (scikit-learn's ``jaccard_score(average="macro")``).
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

    All K classes have a row and a column. Samples with NaN logits are in the totals
    (K, K + 1) only, so their row of the matrix does not add up to its label's count.
    """

    word = "confusion_matrix"
    larger_is_better = None

    def start(self, shape: Shape) -> Array:
        return np.zeros((shape[0], shape[0] + 1), np.int64)

    def update(self, totals: Array, output: Array, target: Array) -> Array:
        cells = labels_of(output, target) * totals.shape[1] + predictions(output)
        counts = np.bincount(cells, minlength=totals.size)
        matrix: Array = totals + counts.reshape(totals.shape)
        return matrix

    def value(self, totals: Array) -> Array:
        return totals[:, :-1].copy()
