"""Gradient descent with momentum."""

from __future__ import annotations

from typing import ClassVar

from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.element import define
from polyframe.spec.field_types import FloatOrUnset
from polyframe.spec.fields import UNSET, Bool, Float, field
from polyframe.spec.optimizers.base import Optimizer, State

__all__ = ["SGD"]


@define
class SGD(Optimizer):
    """Stochastic gradient descent with momentum (Sutskever et al. 2013, eq. 1-4).

    ``g += weight_decay · w``; ``v = momentum · v + (1 - dampening) · g``, but ``v = g``
    at the first step; ``w -= lr · (g + momentum · v if nesterov else v)``. Without
    momentum it is ``w -= lr · g``: ``dampening`` acts on the velocity alone.
    The velocity does not hold the learning rate (torch/optim/sgd.py), so a change of
    rate acts at once. UNSET ``lr``: 1e-3 (Keras, Gluon: 1e-2).
    """

    lr: FloatOrUnset = field(Float(0.0), default=UNSET, aligned=1e-3)
    momentum: float = field(Float(0.0, 1.0, below=True), default=0.0)
    nesterov: bool = field(Bool(), default=False)
    weight_decay: float = field(Float(0.0), default=0.0)
    dampening: float = field(Float(0.0, 1.0), default=0.0)

    examples: ClassVar = (
        {"lr": 0.1},
        {"lr": 0.05, "momentum": 0.8, "weight_decay": 0.1},
        {
            "lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1,
            "decay_on": "kernels",
        },
        {"lr": 0.1, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.1},
        {"lr": 0.02, "momentum": 0.9, "dampening": 1.0},
        {"lr": 0.1, "dampening": 0.7},
    )  # fmt: skip

    @property
    def state(self) -> tuple[str, ...]:
        return ("momentum_buffer",) if self.momentum else ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and not self.momentum:
            raise SpecError("nesterov needs a momentum above 0", where="SGD")
        if self.nesterov and self.dampening:
            raise SpecError("nesterov needs a dampening of 0", where="SGD")

    def define(self, w: Array, g: Array, state: State, lr: float, step: int) -> Array:
        g = g + self.decay(w) * w
        if self.momentum:
            share = 1 - self.dampening if step > 1 else 1
            v = self.momentum * state["momentum_buffer"] + share * g
            state["momentum_buffer"] = v
            g = g + self.momentum * v if self.nesterov else v
        out: Array = w - lr * g
        return out
