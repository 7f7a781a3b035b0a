"""Losses that are 0 once an answer is right by a margin."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.element import define, define_base
from polyframe.spec.fields import Bool, Float, Int, field
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses.base import Domain, Loss, per_sample
from polyframe.spec.losses.classes import CLASS_WEIGHTS, check_classes
from polyframe.spec.losses.targets import labels, signs

__all__ = ["Hinge", "MultiMargin", "SquaredHinge", "Triplet"]


@define_base
class _Hinge(Loss):
    """What hinges share: targets are -1 or 1, numbers of the output's shape."""

    margin: float = field(Float(0.0), default=1.0)

    examples: ClassVar = ({}, {"margin": 0.3})

    @property
    def domain(self) -> Domain:
        return "signs"

    def take(self, target: Array, shape: Shape, dtype: str) -> Array:
        return signs(target, shape, dtype, self.type)

    def missing(self, output: Array, target: Array) -> Array:
        """By how much the margin is missed."""
        out: Array = np.maximum(self.margin - target * output, 0)
        return out


@define
class Hinge(_Hinge):
    """``loss[n] = mean(max(m - t·x, 0))`` for targets ``t`` of -1 and 1.

    (Cortes & Vapnik 1995; Keras and Gluon have it, PyTorch's hinge is another one.)

    - ``margin``: m, 1.
    """

    word = "hinge"

    def define(self, output: Array, target: Array) -> Array:
        return per_sample(self.missing(output, target))


@define
class SquaredHinge(_Hinge):
    """``loss[n] = mean(max(m - t·x, 0)²)`` for targets ``t`` of -1 and 1.

    - ``margin``: m, 1.
    """

    word = "squared_hinge"

    def define(self, output: Array, target: Array) -> Array:
        return per_sample(self.missing(output, target) ** 2)


@define
class MultiMargin(Loss):
    """A hinge of logits (N, K) and integer labels (N,), PyTorch's ``MultiMarginLoss``.

    ``loss[n] = w[y] · Σ_k≠y max(m - x[n,y] + x[n,k], 0)^p / K`` (Weston & Watkins 1999).

    - ``p``: 1 or 2.
    - ``margin``: m, 1.
    - ``class_weights`` w: each sample has its label's weight; the mean is still over
      the number of samples.
    """

    p: int = field(Int(1, 2), default=1)
    margin: float = field(Float(0.0), default=1.0)
    class_weights: tuple[float, ...] | None = field(CLASS_WEIGHTS, default=None)

    word = "multi_margin"
    takes = "logits"
    examples: ClassVar = (
        {},
        {"p": 2},
        {"margin": 0.3},
        {"p": 2, "margin": 2.5, "class_weights": (0.5, 0.0, 2.0, 1.5)},
    )

    @property
    def labels(self) -> bool:
        return True

    def check(self, shape: Shape) -> None:
        self.needs_rank(shape, pixels=False)
        check_classes(self, self.class_weights, shape)

    def take(self, target: Array, shape: Shape, dtype: str) -> Array:
        return labels(target, shape, self.type)

    def define(self, output: Array, target: Array) -> Array:
        own = np.take_along_axis(output, target[:, None], axis=1)
        missing = np.maximum(self.margin - own + output, 0) ** self.p
        others = np.arange(output.shape[1]) != target[:, None]
        losses = (missing * others).mean(axis=1)
        if self.class_weights is not None:
            losses = np.array(self.class_weights, output.dtype)[target] * losses
        return per_sample(losses)


@define
class Triplet(Loss):
    """The first of three vectors should be nearer to the second than to the third.

    The output (N, 3·D) is anchor, positive and negative side by side, as a ``Concat`` of
    one encoder's outputs for three inputs gives them.
    ``loss[n] = max(d(a, p) - d(a, n) + m, 0)`` with
    ``d(u, v) = (Σ |u - v + ε|^p)^(1/p)`` (Schroff et al. 2015, section 3.1; PyTorch's
    ``TripletMarginLoss``). The targets, any numbers (N,), are not used.

    - ``margin``: m, 1, above 0 as in PyTorch. ``p``: the norm, 2. ``eps``: ε, 1e-6,
      above 0: for equal vectors there would be no gradient.
    - ``swap``: take the distance of positive and negative for ``d(a, n)`` where that is
      the smaller one (Balntas et al. 2016).
    """

    margin: float = field(Float(0.0, above=True), default=1.0)
    p: float = field(Float(1.0), default=2.0)
    eps: float = field(Float(0.0, above=True), default=1e-6)
    swap: bool = field(Bool(), default=False)

    word = "triplet"
    example_shapes = ((12,),)
    kink_at_zero = True
    examples: ClassVar = (
        {},
        {"swap": True},
        {"p": 1.0, "margin": 0.3},
        {"p": 3.0, "eps": 1e-3},
        {"p": 1.5, "swap": True, "margin": 5.0},
    )

    @property
    def domain(self) -> Domain:
        return "unused"

    def check(self, shape: Shape) -> None:
        if len(shape) != 1 or shape[0] % 3:
            raise SpecError(
                f"{self.type} takes (3·D,) per sample: anchor, positive and negative "
                f"side by side; got {shape}",
                hint="a Concat of the three makes it",
            )

    def take(self, target: Array, shape: Shape, dtype: str) -> Array:
        return super().take(target, (), dtype)

    def define(self, output: Array, target: Array) -> Array:
        anchor, positive, negative = np.split(output, 3, axis=1)

        def distance(u: Array, v: Array) -> Array:
            powers = np.abs(u - v + self.eps) ** self.p
            out: Array = powers.sum(axis=1) ** (1 / self.p)
            return out

        near, far = distance(anchor, positive), distance(anchor, negative)
        if self.swap:
            far = np.minimum(far, distance(positive, negative))
        return per_sample(np.maximum(near - far + self.margin, 0))
