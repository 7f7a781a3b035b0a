"""Steps of one length for every weight: only their signs are learnt."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from polyframe.io.array import Array
from polyframe.spec.element import define
from polyframe.spec.field_types import FloatOrUnset
from polyframe.spec.fields import UNSET, Float, field
from polyframe.spec.optimizers.base import Optimizer, State

__all__ = ["Lion"]


@define
class Lion(Optimizer):
    """The sign of an interpolated momentum (Chen et al. 2023, algorithm 2).

    ``w *= 1 - lr · weight_decay``; ``w -= lr · sign(β1·m + (1-β1)·g)``;
    ``m = β2·m + (1-β2)·g``. The decay is decoupled. PyTorch has no Lion: UNSET ``lr``
    is the authors' 1e-4 (Keras: 1e-3).
    """

    lr: FloatOrUnset = field(Float(0.0), default=UNSET, aligned=1e-4)
    beta1: float = field(Float(0.0, 1.0, below=True), default=0.9)
    beta2: float = field(Float(0.0, 1.0, below=True), default=0.99)
    weight_decay: float = field(Float(0.0), default=0.0)

    examples: ClassVar = (
        {},
        {
            "lr": 0.003, "beta1": 0.8, "beta2": 0.95, "weight_decay": 0.1,
            "decay_on": "kernels",
        },
    )  # fmt: skip

    @property
    def state(self) -> tuple[str, ...]:
        return ("exp_avg",)

    def define(self, w: Array, g: Array, state: State, lr: float, step: int) -> Array:
        m = state["exp_avg"]
        direction = np.sign(self.beta1 * m + (1 - self.beta1) * g)
        state["exp_avg"] = self.beta2 * m + (1 - self.beta2) * g
        out: Array = w * (1 - lr * self.decay(w)) - lr * direction
        return out
