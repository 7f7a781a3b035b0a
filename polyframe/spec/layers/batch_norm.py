"""Batch normalisation."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from polyframe.spec.element import define
from polyframe.spec.fields import UNSET, Bool, Float, field
from polyframe.spec.initializers import Ones, Zeros
from polyframe.spec.layers.base import Layer, Moment, Parameter, Shape

__all__ = ["BatchNorm"]


@define
class BatchNorm(Layer):
    """Batch normalisation over all axes but the channels: (N, C) or (N, C, H, W).

    ``y = weight · (x - mean) / √(var + eps) + bias`` (Ioffe & Szegedy 2015, algorithm
    1). Training uses the batch's mean and its biased variance, and then sets
    ``running = (1 - momentum) · running + momentum · batch``, the variance being the
    unbiased one (n/(n-1)) there, as in PyTorch. Inference uses the running statistics.

    - ``momentum``: the weight of the *new* statistic, PyTorch's convention; the decay
      that Keras and Gluon call momentum is ``1 - momentum``. UNSET: 0.1.
    - ``eps``: inside the root. UNSET: 1e-5 (Keras: 1e-3).
    - ``affine``: with ``weight`` and ``bias``.
    - ``unbiased``: whether the running variance is. UNSET: true (Keras, Gluon: false).

    Weights: ``weight``, ``bias``; state: ``running_mean``, ``running_var``; all (C,).
    """

    eps: float = field(Float(0.0, above=True), default=UNSET, aligned=1e-5)
    momentum: float = field(Float(0.0, 1.0), default=UNSET, aligned=0.1)
    affine: bool = field(Bool(), default=True)
    unbiased: bool = field(Bool(), default=UNSET, aligned=True)

    short: ClassVar[str] = "bn"
    examples = (
        ({}, ((3, 4, 5),)),
        ({}, ((6,),)),
        ({"momentum": 0.3, "eps": 1e-3}, ((2, 3, 3),)),
        ({"affine": False}, ((2, 3, 3),)),
        ({"unbiased": False}, ((2, 3, 3),)),
        ({"affine": False, "unbiased": False}, ((4,),)),
    )

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], 1, 3)
        return shapes[0]

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        shape = shapes[0][:1]
        found = {}
        if self.affine:
            found["weight"] = Parameter(shape, Ones())
            found["bias"] = Parameter(shape, Zeros())
        found["running_mean"] = Parameter(shape, Zeros(), trainable=False)
        found["running_var"] = Parameter(shape, Ones(), trainable=False)
        return found

    def define(self, at: Moment, *x: np.ndarray) -> np.ndarray:
        axes = (0, 2, 3)[: x[0].ndim - 1]
        across = (-1, 1, 1)[: x[0].ndim - 1]
        if at.training:
            mean, var = x[0].mean(axes), x[0].var(axes)
        else:
            mean, var = at["running_mean"], at["running_var"]
        out = (x[0] - mean.reshape(across)) / np.sqrt(var.reshape(across) + self.eps)
        if self.affine:
            out = at["weight"].reshape(across) * out + at["bias"].reshape(across)
        return out

    def new_state(self, at: Moment, *x: np.ndarray) -> dict[str, np.ndarray]:
        axes = (0, 2, 3)[: x[0].ndim - 1]
        mean, var = x[0].mean(axes), x[0].var(axes, ddof=1 if self.unbiased else 0)
        old, new = 1 - self.momentum, self.momentum
        return {
            "running_mean": old * at["running_mean"] + new * mean,
            "running_var": old * at["running_var"] + new * var,
        }
