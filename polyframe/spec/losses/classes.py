"""Losses of class labels: one of K for each sample, or for each of its pixels."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.element import define, define_base
from polyframe.spec.fields import LARGEST, Float, Int, Maybe, Several, field
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses.base import Loss, TargetKind, per_sample
from polyframe.spec.losses.targets import labels, probabilities

__all__ = ["NLL", "CrossEntropy"]

CLASS_WEIGHTS = Maybe(Several(Float(0.0), least=2))


def check_classes(loss: Loss, weights: tuple[float, ...] | None, shape: Shape) -> None:
    """SpecError unless there is a weight for each class."""
    if weights is not None and len(weights) != shape[0]:
        raise SpecError(
            f"{loss.type} has {len(weights)} class_weights for {shape[0]} outputs"
        )


@define_base
class _Likelihood(Loss):
    """What cross-entropy and the negative log-likelihood share.

    With log-probabilities ``q`` (N, K, …), labels ``y`` (N, …) and class weights ``w``,

        loss[n] = mean over pixels p of -Σ_k w[k] · t[n,k,p] · q[n,k,p]

    where ``t`` is 1 at the label; or targets are the probabilities ``t``, of the
    output's shape.
    """

    label_smoothing: float = field(Float(0.0, 1.0), default=0.0)
    class_weights: tuple[float, ...] | None = field(CLASS_WEIGHTS, default=None)
    ignore_index: int | None = field(Maybe(Int(-LARGEST)), default=None)

    by_axes = True
    examples: ClassVar = (
        {},
        {"label_smoothing": 0.1},
        {"label_smoothing": 1.0},
        {"class_weights": (0.5, 0.0, 2.0, 1.5)},
        {"label_smoothing": 0.2, "class_weights": (0.5, 0.0, 2.0, 1.5)},
        {"ignore_index": -100},
        {"ignore_index": 1, "label_smoothing": 0.3},
        {"ignore_index": 255, "class_weights": (0.5, 2.0, 0.0, 1.5)},
        {
            "ignore_index": 0,
            "class_weights": (0.5, 2.0, 3.0, 1.5),
            "label_smoothing": 0.3,
        },
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.class_weights is not None and not any(self.class_weights):
            raise SpecError("class_weights are all 0", where=self.label)

    @property
    def labels(self) -> bool:
        return True

    @property
    def target_kinds(self) -> tuple[TargetKind, ...]:
        ignores = self.ignore_index is not None
        return ("labels",) if ignores else ("labels", "probabilities")

    @property
    def ignored_label(self) -> int | None:
        return self.ignore_index

    def kind_of(self, target: Array) -> TargetKind:
        if target.dtype.kind != "f":
            return "labels"
        if self.ignore_index is not None:
            raise SpecError(
                "ignore_index is for labels, and the targets are probabilities",
                where=self.label,
            )
        return "probabilities"

    def check(self, shape: Shape) -> None:
        self.needs_rank(shape)
        check_classes(self, self.class_weights, shape)

    def take(self, target: Array, shape: Shape, dtype: str) -> Array:
        if target.dtype.kind == "f" and target.shape[1:] == shape:
            self.kind_of(target)  # SpecError where it has to be labels
            return probabilities(target, shape, dtype)
        return labels(target, shape, self.type, self.ignore_index)

    def log_probabilities(self, output: Array) -> Array:
        """``q`` of the formula."""
        raise NotImplementedError

    def define(self, output: Array, target: Array) -> Array:
        log_p, classes = self.log_probabilities(output), output.shape[1]
        smooth = self.label_smoothing
        weights = np.ones(classes, output.dtype)
        if self.class_weights is not None:
            weights = np.array(self.class_weights, output.dtype)
        each = weights.reshape(-1, *[1] * (output.ndim - 2))  # as (K, 1, …)
        if target.ndim == output.ndim:
            target = (1 - smooth) * target + smooth / classes
            return per_sample(-(each * target * log_p).sum(axis=1))
        counted, label = self._counted(target)
        at_label = np.take_along_axis(log_p, label[:, None], axis=1)[:, 0]
        losses = -(1 - smooth) * weights[label] * at_label
        if smooth:
            losses = losses - smooth / classes * (each * log_p).sum(axis=1)
        return per_sample(losses * counted)

    def _counted(self, target: Array) -> tuple[Array, Array]:
        """Where labels count, and the labels, with 0 where they do not."""
        if self.ignore_index is None:
            return np.ones(target.shape, bool), target
        counted = target != self.ignore_index
        return counted, np.where(counted, target, 0)

    def denominator_weights(self, target: Array) -> Array | None:
        if not self.has_denominator_weights or target.dtype.kind == "f":
            return None
        counted, label = self._counted(target)
        weights = np.ones(target.shape)
        if self.class_weights is not None:
            weights = np.array(self.class_weights)[label]
        return per_sample(weights * counted)

    @property
    def has_denominator_weights(self) -> bool:
        return self.class_weights is not None or self.ignore_index is not None


@define
class CrossEntropy(_Likelihood):
    """Softmax cross-entropy of logits (N, K) and integer labels (N,).

    ``loss[n] = -Σ_k t[n,k] · log softmax(x[n])[k]`` (Goodfellow et al. 2016, section
    6.2.2.3), where ``t`` is 1 at the label; computed with the maximum subtracted.
    For logits (N, K, H, W), also (N, K, L) and (N, K, D, H, W), with labels (N, H, W), it
    is the mean over the pixels. The mean over all samples is that of PyTorch's
    ``CrossEntropyLoss``.

    - ``label_smoothing`` ε: ``t = (1-ε)·t + ε/K`` (Szegedy et al. 2016, section 7).
    - ``class_weights`` w: ``w[k]`` is a factor of ``t[n,k]``, and the mean is over the
      sum of the labels' weights: ``Σ loss / Σ w[label]``.
    - ``ignore_index``: a label that counts neither in the sum nor in the denominator.
      Where all labels are ignored, the loss and its gradients are 0 (PyTorch: NaN).

    Targets may also be the probabilities ``t``, floats of the output's shape; the mean
    then is over the number of samples, with class weights as well.
    """

    word = "cross_entropy"
    takes = "logits"

    def log_probabilities(self, output: Array) -> Array:
        shifted = output - output.max(axis=1, keepdims=True)
        out: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return out


@define
class NLL(_Likelihood):
    """Negative log-likelihood of log-probabilities (N, K) and integer labels (N,).

    ``loss[n] = -Σ_k t[n,k] · x[n,k]``, where ``t`` is 1 at the label: cross-entropy for
    a model that ends in a log-softmax, with the same fields, shapes and mean (PyTorch's
    ``NLLLoss``, which has no smoothing and no probabilities as targets).
    """

    word = "nll"
    takes = "log-probabilities"

    def log_probabilities(self, output: Array) -> Array:
        return output
