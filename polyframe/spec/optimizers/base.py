"""What all optimizers have in common."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np

from polyframe.io.array import Array
from polyframe.spec.element import Element, define_base
from polyframe.spec.fields import UNSET, Choice, field

__all__ = ["Optimizer", "State"]

State = dict[str, Array]


@define_base
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

    adapts: ClassVar[bool] = False  # what decay_on leaves out has no own rate either
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({},)  # fields that tests set

    @property
    def state(self) -> tuple[str, ...]:
        """The canonical names of a parameter's state, as in PyTorch."""
        return ()

    @property
    def spares_vectors(self) -> bool:
        """Whether it treats vectors (biases, scales and shifts) otherwise."""
        matters = bool(self.weight_decay) or self.adapts
        return self.decay_on == "kernels" and matters

    def settings(self) -> dict[str, tuple[Any, Any]]:
        """Each field's value and neutral default, but for ``lr`` and ``decay_on``."""
        values = {}
        for f in dataclasses.fields(self):
            if f.name not in ("lr", "decay_on"):
                default = f.metadata["aligned"] if f.default is UNSET else f.default
                values[f.name] = getattr(self, f.name), default
        return values

    def covers(self, w: Array) -> bool:
        """Whether a parameter is among those that ``decay_on`` names."""
        return self.decay_on == "all" or w.ndim > 1

    def decay(self, w: Array) -> float:
        """The weight decay of one parameter."""
        return self.weight_decay if self.covers(w) else 0.0

    def start(self, w: Array) -> State:
        """The state of one parameter before the first step."""
        return {name: np.zeros_like(w) for name in self.state}

    def define(self, w: Array, g: Array, state: State, lr: float, step: int) -> Array:
        """The definition: the new weights; updates ``state``; ``step`` counts from 1."""
        raise NotImplementedError
