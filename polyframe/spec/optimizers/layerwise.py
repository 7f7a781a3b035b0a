"""A rate for each parameter as a whole, in proportion to the size of its weights.

Both treat the parameters that ``decay_on`` leaves out as their cores would: without
decay and without a rate of their own, as is usual for biases and norms.
"""

from __future__ import annotations

from itertools import product
from typing import ClassVar

import numpy as np

from polyframe.io.array import Array
from polyframe.spec.element import define
from polyframe.spec.field_types import FloatOrUnset
from polyframe.spec.fields import UNSET, Float, field
from polyframe.spec.optimizers.adam import AWAY, BETA, EPS, Moments
from polyframe.spec.optimizers.base import Optimizer, State

__all__ = ["LAMB", "LARS"]


def norm(x: Array) -> float:
    """‖x‖, over all axes."""
    return float(np.sqrt((x * x).sum()))


@define
class LAMB(Moments):
    """Adam, its step scaled to the norm of the weights (You et al. 2020, alg. 2).

    With Adam's ``m̂`` and ``v̂``: ``u = m̂/(√v̂ + eps) + weight_decay · w``;
    ``w -= lr · ‖w‖/‖u‖ · u``; the ratio is 1 where either norm is 0, and for what
    ``decay_on`` leaves out. PyTorch has no LAMB: UNSET ``eps`` is the authors' 1e-6
    (Keras: 1e-7, and its decay is outside the ratio).
    """

    lr: float = field(Float(0.0), default=1e-3)
    beta1: float = field(BETA, default=0.9)
    beta2: float = field(BETA, default=0.999)
    eps: FloatOrUnset = field(EPS, default=UNSET, aligned=1e-6)
    weight_decay: float = field(Float(0.0), default=0.0)

    adapts = True
    examples: ClassVar = (
        {},
        *(AWAY | {"decay_on": on} for on in ("all", "kernels")),
        {"lr": 0.02, "decay_on": "kernels"},
    )

    def define(self, w: Array, g: Array, state: State, lr: float, step: int) -> Array:
        m, v = self.means(g, state)
        m_hat, v_hat = m / (1 - self.beta1**step), v / (1 - self.beta2**step)
        u = m_hat / (np.sqrt(v_hat) + self.eps) + self.decay(w) * w
        of_w, of_u = norm(w), norm(u)
        ratio = of_w / of_u if self.covers(w) and of_w and of_u else 1.0
        out: Array = w - lr * ratio * u
        return out


@define
class LARS(Optimizer):
    """Momentum with a rate for each parameter (You, Gitman & Ginsburg 2017, alg. 1).

    ``λ = trust_coefficient · ‖w‖ / (‖g‖ + weight_decay · ‖w‖)``;
    ``v = momentum · v + λ · (g + weight_decay · w)``; ``w -= lr · v``. λ is 1 where
    either norm is 0, and for what ``decay_on`` leaves out. As in SGD, the velocity does
    not hold the learning rate. UNSET ``momentum``: 0.9 (MXNet: 0).
    """

    lr: float = field(Float(0.0), default=1e-2)
    momentum: FloatOrUnset = field(
        Float(0.0, 1.0, below=True), default=UNSET, aligned=0.9
    )
    weight_decay: float = field(Float(0.0), default=0.0)
    trust_coefficient: float = field(Float(0.0, above=True), default=1e-3)

    adapts = True
    examples: ClassVar = (
        {},
        *(
            {
                "lr": 0.5, "momentum": momentum, "weight_decay": 0.1,
                "trust_coefficient": 0.1, "decay_on": on,
            }
            for on, momentum in product(("all", "kernels"), (0.0, 0.8))
        ),
        {"lr": 0.05, "decay_on": "kernels"},
    )  # fmt: skip

    @property
    def state(self) -> tuple[str, ...]:
        return ("momentum_buffer",) if self.momentum else ()

    def define(self, w: Array, g: Array, state: State, lr: float, step: int) -> Array:
        decay, of_w, of_g, rate = self.decay(w), norm(w), norm(g), 1.0
        if self.covers(w) and of_w and of_g:
            rate = self.trust_coefficient * of_w / (of_g + decay * of_w)
        d = rate * (g + decay * w)
        if self.momentum:
            d = state["momentum_buffer"] = self.momentum * state["momentum_buffer"] + d
        out: Array = w - lr * d
        return out
