"""Losses of binary decisions, one for each number of the output."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.element import define
from polyframe.spec.fields import Float, Maybe, Several, field
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses.base import Domain, Loss, per_sample
from polyframe.spec.losses.targets import shares

__all__ = ["BinaryCrossEntropy", "Focal"]

SMOOTHING = Float(0.0, 1.0)


def smoothed(target: Array, smoothing: float) -> Array:
    """Targets that are moved towards one half."""
    return (1 - smoothing) * target + smoothing / 2 if smoothing else target


def softplus(x: Array) -> Array:
    """``log(1 + exp(x))``, good for any x; ``-softplus(-x)`` is ``log sigmoid(x)``."""
    out: Array = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return out


@define
class BinaryCrossEntropy(Loss):
    """Cross-entropy of logits and targets from 0 to 1 of the output's shape.

    ``loss[n] = mean of -(v · t · log σ(x) + (1-t) · log(1 - σ(x)))`` over the sample's
    numbers (Goodfellow et al. 2016, section 6.2.2.2), computed from the logits (as
    PyTorch's ``BCEWithLogitsLoss``).

    - ``pos_weight`` v: the weight of the positive class, one for each channel (axis 1)
      or one for all; it does not change the denominator.
    - ``label_smoothing`` ε, 0: ``t = (1-ε)·t + ε/2`` (as Keras's ``BinaryCrossentropy``).
    """

    pos_weight: tuple[float, ...] | None = field(
        Maybe(Several(Float(0.0), least=1)), default=None
    )
    label_smoothing: float = field(SMOOTHING, default=0.0)

    word = "binary_cross_entropy"
    takes = "logits"
    by_axes = True
    examples: ClassVar = (
        {},
        {"pos_weight": (3.0,)},
        {"pos_weight": (0.5, 0.0, 2.0, 1.5)},
        {"label_smoothing": 0.1},
        {"label_smoothing": 1.0, "pos_weight": (3.0,)},
        {"label_smoothing": 0.3, "pos_weight": (0.5, 0.0, 2.0, 1.5)},
    )

    @property
    def domain(self) -> Domain:
        return "from 0 to 1"

    def check(self, shape: Shape) -> None:
        if self.pos_weight is not None and len(self.pos_weight) not in (1, shape[0]):
            raise SpecError(
                f"{self.type} has {len(self.pos_weight)} pos_weight for {shape[0]} "
                "outputs",
                hint="one for all, or one for each",
            )

    def take(self, target: Array, shape: Shape, dtype: str) -> Array:
        return shares(target, shape, dtype, self.type)

    def define(self, output: Array, target: Array) -> Array:
        weight = np.array(self.pos_weight or 1.0, output.dtype)
        weight = weight.reshape(-1, *[1] * (output.ndim - 2))  # as (C, 1, …)
        target = smoothed(target, self.label_smoothing)
        yes, no = weight * target, 1 - target
        return per_sample(yes * softplus(-output) + no * softplus(output))


@define
class Focal(Loss):
    """Cross-entropy of logits in which well-classified samples count less.

    ``loss[n] = mean of -a · (1 - p)^γ · log p`` over the sample's numbers (Lin et al.
    2017, equation 5), where ``p`` is the probability of the target: ``σ(x)`` where it is
    1, ``1 - σ(x)`` where it is 0, and ``a`` is α or 1-α. For targets between 0 and 1, as
    torchvision's ``sigmoid_focal_loss``: ``p = σ(x)·t + (1-σ(x))·(1-t)``, the
    cross-entropy for ``-log p``, ``a = α·t + (1-α)·(1-t)``.

    - ``alpha``: α, 0.25; None leaves ``a`` out.
    - ``gamma``: γ, 2; 0 is plain cross-entropy.
    - ``label_smoothing`` ε, 0: ``t = (1-ε)·t + ε/2``, before all else (as Keras's
      ``BinaryFocalCrossentropy``).
    """

    alpha: float | None = field(Maybe(Float(0.0, 1.0)), default=0.25)
    gamma: float = field(Float(0.0), default=2.0)
    label_smoothing: float = field(SMOOTHING, default=0.0)

    word = "focal"
    takes = "logits"
    examples: ClassVar = (
        {},
        {"alpha": None},
        {"gamma": 0.0, "alpha": 0.5},
        {"gamma": 0.5},
        {"gamma": 1.0, "alpha": 1.0},
        {"gamma": 2.5, "alpha": 0.0},
        {"label_smoothing": 0.2},
        {"label_smoothing": 0.7, "gamma": 0.0, "alpha": None},
    )

    @property
    def domain(self) -> Domain:
        return "from 0 to 1"

    def take(self, target: Array, shape: Shape, dtype: str) -> Array:
        return shares(target, shape, dtype, self.type)

    def define(self, output: Array, target: Array) -> Array:
        target = smoothed(target, self.label_smoothing)
        yes, no = target, 1 - target
        losses = yes * softplus(-output) + no * softplus(output)
        p = np.exp(-softplus(-output))  # σ(x)
        wrong = p * no + np.exp(-softplus(output)) * yes
        losses = wrong**self.gamma * losses
        if self.alpha is not None:
            losses = (self.alpha * yes + (1 - self.alpha) * no) * losses
        return per_sample(losses)
