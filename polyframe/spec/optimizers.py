"""Optimizers, with PyTorch's exact meaning: state names, order, where ε stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from polyframe.errors import SpecError
from polyframe.spec.element import Element, define
from polyframe.spec.fields import UNSET, Bool, Choice, Float, field

State = dict[str, np.ndarray]


@dataclass(frozen=True)
class Optimizer(Element, family="optimizer"):
    """The base of all optimizers. ``lr`` is the rate at step 0.

    ``decay_on``: what ``weight_decay`` shrinks. "all", as the frameworks do, or
    "kernels": weights of more than one dimension, so that biases and the scales and
    shifts of norms are left out (Goyal et al. 2017, section 5.3 of "Accurate, large
    minibatch SGD").
    """

    decay_on: str = field(Choice(("all", "kernels")), default="all", kw_only=True)

    lr = 0.0
    weight_decay = 0.0

    @property
    def state(self) -> tuple[str, ...]:
        """The canonical names of a parameter's state, as in PyTorch."""
        return ()

    def decay(self, w: np.ndarray) -> float:
        """The weight decay of one parameter."""
        left_out = self.decay_on == "kernels" and w.ndim <= 1
        return 0.0 if left_out else self.weight_decay

    def start(self, w: np.ndarray) -> State:
        """The state of one parameter before the first step."""
        return {name: np.zeros_like(w) for name in self.state}

    def define(
        self, w: np.ndarray, g: np.ndarray, state: State, lr: float, step: int
    ) -> np.ndarray:
        """The meaning: the new weights; updates ``state``; ``step`` counts from 1."""
        raise NotImplementedError


@define
class SGD(Optimizer):
    """Stochastic gradient descent with momentum (Sutskever et al. 2013, eq. 1-4).

    ``g += weight_decay · w``; ``v = momentum · v + g``;
    ``w -= lr · (g + momentum · v if nesterov else v)``.
    The velocity does not hold the learning rate (torch/optim/sgd.py), so a change of
    rate acts at once. UNSET ``lr``: 1e-3 (Keras, Gluon: 1e-2).
    """

    lr: float = field(Float(0.0), default=UNSET, aligned=1e-3)
    momentum: float = field(Float(0.0, 1.0, below=True), default=0.0)
    nesterov: bool = field(Bool(), default=False)
    weight_decay: float = field(Float(0.0), default=0.0)

    @property
    def state(self) -> tuple[str, ...]:
        return ("momentum_buffer",) if self.momentum else ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and not self.momentum:
            raise SpecError("nesterov needs a momentum above 0", where="SGD")

    def define(
        self, w: np.ndarray, g: np.ndarray, state: State, lr: float, step: int
    ) -> np.ndarray:
        g = g + self.decay(w) * w
        if self.momentum:
            state["momentum_buffer"] = self.momentum * state["momentum_buffer"] + g
            v = state["momentum_buffer"]
            g = g + self.momentum * v if self.nesterov else v
        return w - lr * g


class _Adam(Optimizer):
    """What Adam and AdamW share."""

    beta1: float
    beta2: float
    eps: Any

    @property
    def state(self) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def moments(
        self, w: np.ndarray, g: np.ndarray, state: State, lr: float, step: int
    ) -> np.ndarray:
        """``w - lr · m̂ / (√v̂ + eps)``."""
        m = self.beta1 * state["exp_avg"] + (1 - self.beta1) * g
        v = self.beta2 * state["exp_avg_sq"] + (1 - self.beta2) * g * g
        state["exp_avg"], state["exp_avg_sq"] = m, v
        m_hat, v_hat = m / (1 - self.beta1**step), v / (1 - self.beta2**step)
        out: np.ndarray = w - lr * m_hat / (np.sqrt(v_hat) + self.eps)
        return out


@define
class Adam(_Adam):
    """Adam (Kingma & Ba 2015, algorithm 1); the decay is coupled (added to g).

    ``m = β1·m + (1-β1)·g``; ``v = β2·v + (1-β2)·g²``;
    ``w -= lr · m/(1-β1^t) / (√(v/(1-β2^t)) + eps)``.
    UNSET ``eps``: 1e-8 (Keras: 1e-7).
    """

    lr: float = field(Float(0.0), default=UNSET, aligned=1e-3)
    beta1: float = field(Float(0.0, 1.0, below=True), default=0.9)
    beta2: float = field(Float(0.0, 1.0, below=True), default=0.999)
    eps: float = field(Float(0.0, above=True), default=UNSET, aligned=1e-8)
    weight_decay: float = field(Float(0.0), default=0.0)

    def define(
        self, w: np.ndarray, g: np.ndarray, state: State, lr: float, step: int
    ) -> np.ndarray:
        return self.moments(w, g + self.decay(w) * w, state, lr, step)


@define
class AdamW(_Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2).

    ``w *= 1 - lr · weight_decay`` first, then Adam's step with the plain gradient.
    UNSET ``weight_decay``: 0.01 (Keras: 0.004); ``eps`` as in Adam.
    """

    lr: float = field(Float(0.0), default=UNSET, aligned=1e-3)
    beta1: float = field(Float(0.0, 1.0, below=True), default=0.9)
    beta2: float = field(Float(0.0, 1.0, below=True), default=0.999)
    eps: float = field(Float(0.0, above=True), default=UNSET, aligned=1e-8)
    weight_decay: float = field(Float(0.0), default=UNSET, aligned=0.01)

    def define(
        self, w: np.ndarray, g: np.ndarray, state: State, lr: float, step: int
    ) -> np.ndarray:
        return self.moments(w * (1 - lr * self.decay(w)), g, state, lr, step)
