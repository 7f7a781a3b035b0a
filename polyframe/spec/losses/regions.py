"""Losses of how two regions of pixels overlap."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.element import define
from polyframe.spec.fields import Bool, Choice, Float, field
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses.base import Domain, Loss, TargetKind, per_sample
from polyframe.spec.losses.targets import labels, shares

__all__ = ["Dice"]


@define
class Dice(Loss):
    """One minus the Dice coefficient of each channel's region, from logits (N, C, H, W).

    ``loss[n] = mean over c of 1 - (2·Σ p·t + s) / (Σ p + Σ t + s)``, sums over the
    channel's pixels (also of (N, C, L) and (N, C, D, H, W)), ``p`` between 0 and 1 from
    the logits.

    - ``activation``: "sigmoid", each channel by itself, for targets from 0 to 1 of the
      output's shape; "softmax" over the channels, for integer labels (N, H, W), or
      their probabilities, floats of the output's shape.
    - ``smooth``: s, 1; with it an empty region that is predicted as empty has a loss of 0.
    - ``squared``: ``Σ p² + Σ t²`` in the denominator (Milletari et al. 2016, section 3,
      who have no s).
    """

    activation: str = field(Choice(("sigmoid", "softmax")), default="sigmoid")
    smooth: float = field(Float(0.0, above=True), default=1.0)
    squared: bool = field(Bool(), default=False)

    word = "dice"
    takes = "logits"
    examples: ClassVar = (
        {},
        {"squared": True, "smooth": 1e-3},
        {"activation": "softmax"},
        {"activation": "softmax", "squared": True},
        {"activation": "softmax", "smooth": 0.1},
    )

    @property
    def labels(self) -> bool:
        return self.activation == "softmax"

    @property
    def target_kinds(self) -> tuple[TargetKind, ...]:
        return ("labels", "probabilities") if self.labels else ("values",)

    @property
    def domain(self) -> Domain:
        return "from 0 to 1"

    def kind_of(self, target: Array) -> TargetKind:
        if not self.labels:
            return "values"
        return "probabilities" if target.dtype.kind == "f" else "labels"

    def check(self, shape: Shape) -> None:
        if not 1 < len(shape) <= 4:
            raise SpecError(
                f"{self.type} takes logits (channels, height, width) per sample, got "
                f"{shape}",
                hint="put a Conv2D at the end",
            )

    def take(self, target: Array, shape: Shape, dtype: str) -> Array:
        if self.labels and target.dtype.kind != "f":
            return labels(target, shape, self.type)
        hint = "softmax takes labels" if target.dtype.kind in "iu" else None
        return shares(target, shape, dtype, self.type, hint)

    def define(self, output: Array, target: Array) -> Array:
        if self.labels:
            powers = np.exp(output - output.max(axis=1, keepdims=True))
            p = powers / powers.sum(axis=1, keepdims=True)
        else:
            p = np.exp(-np.maximum(-output, 0)) / (1 + np.exp(-np.abs(output)))
        if target.ndim < output.ndim:
            channels = np.arange(output.shape[1]).reshape(-1, *[1] * (output.ndim - 2))
            target = (target[:, None] == channels).astype(output.dtype)
        p, target = (a.reshape(*a.shape[:2], -1) for a in (p, target))
        power = 2 if self.squared else 1
        both = (p * target).sum(axis=2)
        total = (p**power + target**power).sum(axis=2)
        return per_sample(1 - (2 * both + self.smooth) / (total + self.smooth))
