"""A rate for each weight, by the squares of its gradients: no mean of gradients."""

from __future__ import annotations

from itertools import product
from typing import ClassVar

import numpy as np

from polyframe.io.array import Array
from polyframe.spec.element import define
from polyframe.spec.field_types import FloatOrUnset
from polyframe.spec.fields import UNSET, Bool, Float, field
from polyframe.spec.optimizers.base import Optimizer, State

__all__ = ["Adadelta", "Adagrad", "RMSProp"]

MEAN = Float(0.0, 1.0, below=True)
EPS = Float(0.0, above=True)


@define
class RMSProp(Optimizer):
    """Gradients over the root of the mean of their squares (Tieleman & Hinton 2012).

    ``g += weight_decay · w``; ``n = alpha · n + (1 - alpha) · g²``;
    ``d = g / (√n + eps)``; ``w -= lr · d``, or with momentum ``v = momentum · v + d``
    and ``w -= lr · v``. ``centered``: ``n - a²`` takes the place of n, with
    ``a = alpha · a + (1 - alpha) · g`` (Graves 2013, eq. 38-45).
    The eps is outside the root, as in PyTorch (Keras and MXNet: inside). UNSET ``lr``:
    1e-2 (Keras, MXNet: 1e-3); ``alpha``: 0.99 (Keras, MXNet: 0.9); ``eps``: 1e-8 (Keras:
    1e-7).
    """

    lr: FloatOrUnset = field(Float(0.0), default=UNSET, aligned=1e-2)
    alpha: FloatOrUnset = field(MEAN, default=UNSET, aligned=0.99)
    eps: FloatOrUnset = field(EPS, default=UNSET, aligned=1e-8)
    weight_decay: float = field(Float(0.0), default=0.0)
    momentum: float = field(MEAN, default=0.0)
    centered: bool = field(Bool(), default=False)

    examples: ClassVar = (
        {},
        *(
            {
                "lr": 0.02, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1,
                "momentum": momentum, "centered": centered,
                "decay_on": "kernels" if centered else "all",
            }
            for momentum, centered in product((0.0, 0.8), (False, True))
        ),
    )  # fmt: skip

    @property
    def state(self) -> tuple[str, ...]:
        more = [("momentum_buffer", self.momentum), ("grad_avg", self.centered)]
        return ("square_avg", *(name for name, kept in more if kept))

    def define(self, w: Array, g: Array, state: State, lr: float, step: int) -> Array:
        g = g + self.decay(w) * w
        n = self.alpha * state["square_avg"] + (1 - self.alpha) * g * g
        state["square_avg"] = n
        if self.centered:
            mean = self.alpha * state["grad_avg"] + (1 - self.alpha) * g
            state["grad_avg"] = mean
            n = n - mean * mean
        d = g / (np.sqrt(n) + self.eps)
        if self.momentum:
            d = state["momentum_buffer"] = self.momentum * state["momentum_buffer"] + d
        out: Array = w - lr * d
        return out


@define
class Adagrad(Optimizer):
    """Gradients over the root of the sum of their squares (Duchi et al. 2011, fig. 1).

    ``g += weight_decay · w``; ``h += g²`` from ``initial_accumulator_value``;
    ``w -= lr / (1 + (t - 1) · lr_decay) · g / (√h + eps)``.
    The eps is outside the root, as in PyTorch (Keras and MXNet: inside). UNSET ``lr``:
    1e-2 (Keras: 1e-3); ``initial_accumulator_value``: 0 (Keras: 0.1); ``eps``: 1e-10
    (Keras, MXNet: 1e-7).
    """

    lr: FloatOrUnset = field(Float(0.0), default=UNSET, aligned=1e-2)
    lr_decay: float = field(Float(0.0), default=0.0)
    weight_decay: float = field(Float(0.0), default=0.0)
    initial_accumulator_value: FloatOrUnset = field(
        Float(0.0), default=UNSET, aligned=0.0
    )
    eps: FloatOrUnset = field(EPS, default=UNSET, aligned=1e-10)

    examples: ClassVar = (
        {},
        {
            "lr": 0.1, "lr_decay": 0.05, "weight_decay": 0.1, "eps": 1e-3,
            "initial_accumulator_value": 0.2, "decay_on": "kernels",
        },
    )  # fmt: skip

    @property
    def state(self) -> tuple[str, ...]:
        return ("sum",)

    def start(self, w: Array) -> State:
        return {"sum": np.full_like(w, self.initial_accumulator_value)}

    def define(self, w: Array, g: Array, state: State, lr: float, step: int) -> Array:
        g = g + self.decay(w) * w
        h = state["sum"] = state["sum"] + g * g
        rate = lr / (1 + (step - 1) * self.lr_decay)
        out: Array = w - rate * g / (np.sqrt(h) + self.eps)
        return out


@define
class Adadelta(Optimizer):
    """Gradients scaled by RMS(past steps) / RMS(gradients) (Zeiler 2012, algorithm 1).

    ``g += weight_decay · w``; ``n = rho · n + (1 - rho) · g²``;
    ``d = √(s + eps) / √(n + eps) · g``; ``s = rho · s + (1 - rho) · d²``;
    ``w -= lr · d``. UNSET ``lr``: 1 (Keras: 1e-3); ``rho``: 0.9 (Keras: 0.95);
    ``eps``: 1e-6 (Keras: 1e-7; MXNet: 1e-5).
    """

    lr: FloatOrUnset = field(Float(0.0), default=UNSET, aligned=1.0)
    rho: FloatOrUnset = field(MEAN, default=UNSET, aligned=0.9)
    eps: FloatOrUnset = field(EPS, default=UNSET, aligned=1e-6)
    weight_decay: float = field(Float(0.0), default=0.0)

    examples: ClassVar = (
        {},
        {
            "lr": 0.7,
            "rho": 0.8,
            "eps": 1e-4,
            "weight_decay": 0.1,
            "decay_on": "kernels",
        },
    )

    @property
    def state(self) -> tuple[str, ...]:
        return ("square_avg", "acc_delta")

    def define(self, w: Array, g: Array, state: State, lr: float, step: int) -> Array:
        g = g + self.decay(w) * w
        n = self.rho * state["square_avg"] + (1 - self.rho) * g * g
        d = np.sqrt(state["acc_delta"] + self.eps) / np.sqrt(n + self.eps) * g
        state["square_avg"] = n
        state["acc_delta"] = self.rho * state["acc_delta"] + (1 - self.rho) * d * d
        out: Array = w - lr * d
        return out
