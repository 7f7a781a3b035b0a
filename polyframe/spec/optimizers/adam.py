"""Adam and its kin: a mean of gradients over a root of the mean of their squares."""

from __future__ import annotations

import math
from itertools import product
from typing import Any, ClassVar

import numpy as np

from polyframe.io.array import Array
from polyframe.spec.element import define
from polyframe.spec.field_types import FloatOrUnset
from polyframe.spec.fields import UNSET, Bool, Float, field
from polyframe.spec.optimizers.base import Optimizer, State

__all__ = ["Adam", "AdamW", "Adamax", "NAdam", "RAdam"]

BETA = Float(0.0, 1.0, below=True)
EPS = Float(0.0, above=True)
AWAY = {
    "lr": 0.02,
    "beta1": 0.8,
    "beta2": 0.95,
    "eps": 1e-3,
    "weight_decay": 0.1,
}
"""Fields of examples, away from their defaults."""


def examples_with(option: str, **more: Any) -> tuple[dict[str, Any], ...]:
    """The defaults, and each way to decay with and without an option."""
    both = product(("all", "kernels"), (False, True))
    return ({}, *(AWAY | more | {"decay_on": on, option: value} for on, value in both))


class Moments(Optimizer):
    """What optimizers with a mean of gradients and a mean of their squares share."""

    beta1: float
    beta2: float
    eps: Any

    @property
    def state(self) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def means(self, g: Array, state: State) -> tuple[Array, Array]:
        """``m = β1·m + (1-β1)·g`` and ``v = β2·v + (1-β2)·g²``."""
        m = self.beta1 * state["exp_avg"] + (1 - self.beta1) * g
        v = self.beta2 * state["exp_avg_sq"] + (1 - self.beta2) * g * g
        state["exp_avg"], state["exp_avg_sq"] = m, v
        return m, v


class _Adam(Moments):
    """What Adam and AdamW share."""

    amsgrad: bool

    @property
    def state(self) -> tuple[str, ...]:
        return (*super().state, *(["max_exp_avg_sq"] if self.amsgrad else []))

    def move(self, w: Array, g: Array, state: State, lr: float, step: int) -> Array:
        """``w - lr · m̂ / (√v̂ + eps)``."""
        m, v = self.means(g, state)
        if self.amsgrad:
            v = state["max_exp_avg_sq"] = np.maximum(state["max_exp_avg_sq"], v)
        m_hat, v_hat = m / (1 - self.beta1**step), v / (1 - self.beta2**step)
        out: Array = w - lr * m_hat / (np.sqrt(v_hat) + self.eps)
        return out


@define
class Adam(_Adam):
    """Adam (Kingma & Ba 2015, algorithm 1); the decay is coupled (added to g).

    ``m = β1·m + (1-β1)·g``; ``v = β2·v + (1-β2)·g²``;
    ``w -= lr · m/(1-β1^t) / (√(v/(1-β2^t)) + eps)``.
    ``amsgrad``: the largest v so far takes the place of v (Reddi et al. 2018, algorithm
    2). UNSET ``eps``: 1e-8 (Keras: 1e-7).
    """

    lr: FloatOrUnset = field(Float(0.0), default=UNSET, aligned=1e-3)
    beta1: float = field(BETA, default=0.9)
    beta2: float = field(BETA, default=0.999)
    eps: FloatOrUnset = field(EPS, default=UNSET, aligned=1e-8)
    weight_decay: float = field(Float(0.0), default=0.0)
    amsgrad: bool = field(Bool(), default=False)

    examples: ClassVar = examples_with("amsgrad")

    def define(self, w: Array, g: Array, state: State, lr: float, step: int) -> Array:
        return self.move(w, g + self.decay(w) * w, state, lr, step)


@define
class AdamW(_Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2).

    ``w *= 1 - lr · weight_decay`` first, then Adam's step with the plain gradient.
    UNSET ``weight_decay``: 0.01 (Keras: 0.004); ``eps`` and ``amsgrad`` as in Adam.
    """

    lr: FloatOrUnset = field(Float(0.0), default=UNSET, aligned=1e-3)
    beta1: float = field(BETA, default=0.9)
    beta2: float = field(BETA, default=0.999)
    eps: FloatOrUnset = field(EPS, default=UNSET, aligned=1e-8)
    weight_decay: FloatOrUnset = field(Float(0.0), default=UNSET, aligned=0.01)
    amsgrad: bool = field(Bool(), default=False)

    examples: ClassVar = examples_with("amsgrad")

    def define(self, w: Array, g: Array, state: State, lr: float, step: int) -> Array:
        return self.move(w * (1 - lr * self.decay(w)), g, state, lr, step)


@define
class Adamax(Optimizer):
    """Adam based on the infinity norm of past gradients (Kingma & Ba 2015, algorithm 2).

    ``g += weight_decay · w``; ``m = β1·m + (1-β1)·g``; ``u = max(β2·u, |g| + eps)``;
    ``w -= lr / (1-β1^t) · m / u``. The eps is where PyTorch adds it (Keras adds it to u
    instead). UNSET ``lr``: 2e-3 (Keras: 1e-3); ``eps``: 1e-8 (Keras: 1e-7).
    """

    lr: FloatOrUnset = field(Float(0.0), default=UNSET, aligned=2e-3)
    beta1: float = field(BETA, default=0.9)
    beta2: float = field(BETA, default=0.999)
    eps: FloatOrUnset = field(EPS, default=UNSET, aligned=1e-8)
    weight_decay: float = field(Float(0.0), default=0.0)

    examples: ClassVar = ({}, AWAY | {"decay_on": "kernels"})

    @property
    def state(self) -> tuple[str, ...]:
        return ("exp_avg", "exp_inf")

    def define(self, w: Array, g: Array, state: State, lr: float, step: int) -> Array:
        g = g + self.decay(w) * w
        m = self.beta1 * state["exp_avg"] + (1 - self.beta1) * g
        u = np.maximum(self.beta2 * state["exp_inf"], np.abs(g) + self.eps)
        state["exp_avg"], state["exp_inf"] = m, u
        out: Array = w - lr / (1 - self.beta1**step) * m / u
        return out


class _Either(Moments):
    """What NAdam and RAdam share: their decay is coupled or decoupled."""

    decoupled_weight_decay: bool

    def decayed(self, w: Array, g: Array, lr: float) -> tuple[Array, Array]:
        """The weights and the gradient with the decay in one of them."""
        if self.decoupled_weight_decay:
            return w * (1 - lr * self.decay(w)), g
        return w, g + self.decay(w) * w


@define
class NAdam(_Either):
    """Adam with Nesterov's momentum (Dozat 2016, algorithm 2).

    With ``μ(t) = β1 · (1 - 0.5 · 0.96^(t · momentum_decay))``, ``Π(t) = μ(1)···μ(t)``
    and Adam's m, v and ``v̂ = v/(1-β2^t)``:
    ``w -= lr · ((1-μ(t))/(1-Π(t)) · g + μ(t+1)/(1-Π(t+1)) · m) / (√v̂ + eps)``.
    The decay is added to g, or shrinks the weights first as in AdamW if
    ``decoupled_weight_decay``. UNSET ``lr``: 2e-3 (Keras, MXNet: 1e-3);
    ``momentum_decay``: 4e-3 (Keras: 1, fixed); ``eps``: 1e-8 (Keras: 1e-7).
    """

    lr: FloatOrUnset = field(Float(0.0), default=UNSET, aligned=2e-3)
    beta1: float = field(BETA, default=0.9)
    beta2: float = field(BETA, default=0.999)
    eps: FloatOrUnset = field(EPS, default=UNSET, aligned=1e-8)
    weight_decay: float = field(Float(0.0), default=0.0)
    momentum_decay: FloatOrUnset = field(Float(0.0), default=UNSET, aligned=4e-3)
    decoupled_weight_decay: bool = field(Bool(), default=False)

    examples: ClassVar = examples_with("decoupled_weight_decay", momentum_decay=0.1)

    def momentum(self, step: int) -> float:
        """μ of a step."""
        out: float = self.beta1 * (1 - 0.5 * 0.96 ** (step * self.momentum_decay))
        return out

    def define(self, w: Array, g: Array, state: State, lr: float, step: int) -> Array:
        w, g = self.decayed(w, g, lr)
        m, v = self.means(g, state)
        now, following = self.momentum(step), self.momentum(step + 1)
        product = math.prod(self.momentum(t) for t in range(1, step + 1))
        of_g = (1 - now) / (1 - product)
        of_m = following / (1 - product * following)
        size = np.sqrt(v / (1 - self.beta2**step)) + self.eps
        out: Array = w - lr * (of_g * g + of_m * m) / size
        return out


@define
class RAdam(_Either):
    """Adam with a rectified rate in the first steps (Liu et al. 2020, algorithm 2).

    With Adam's m and v, ``m̂ = m/(1-β1^t)``, ``ρ∞ = 2/(1-β2) - 1`` and
    ``ρ = ρ∞ - 2t·β2^t/(1-β2^t)``: while ``ρ ≤ 5``, ``w -= lr · m̂``; then
    ``w -= lr · r · m̂ · √(1-β2^t) / (√v + eps)`` with
    ``r = √((ρ-4)(ρ-2)ρ∞ / ((ρ∞-4)(ρ∞-2)ρ))``. The eps is where PyTorch adds it; the
    decay is added to g, or shrinks the weights first if ``decoupled_weight_decay``.
    """

    lr: float = field(Float(0.0), default=1e-3)
    beta1: float = field(BETA, default=0.9)
    beta2: float = field(BETA, default=0.999)
    eps: float = field(EPS, default=1e-8)
    weight_decay: float = field(Float(0.0), default=0.0)
    decoupled_weight_decay: bool = field(Bool(), default=False)

    examples: ClassVar = examples_with("decoupled_weight_decay")

    def define(self, w: Array, g: Array, state: State, lr: float, step: int) -> Array:
        w, g = self.decayed(w, g, lr)
        m, v = self.means(g, state)
        m_hat, correction = m / (1 - self.beta1**step), 1 - self.beta2**step
        longest = 2 / (1 - self.beta2) - 1
        length = longest - 2 * step * self.beta2**step / correction
        out: Array = w - lr * m_hat
        if length > 5:
            known = (length - 4) * (length - 2) * longest
            rectified = math.sqrt(known / ((longest - 4) * (longest - 2) * length))
            size = np.sqrt(v) + self.eps
            out = w - lr * rectified * math.sqrt(correction) * m_hat / size
        return out
