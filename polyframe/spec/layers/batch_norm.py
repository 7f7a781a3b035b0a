"""Batch normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from polyframe.io.array import Array
from polyframe.spec.element import define
from polyframe.spec.field_types import FloatOrUnset
from polyframe.spec.fields import UNSET, Bool, Float, field
from polyframe.spec.initializers import Ones, Zeros
from polyframe.spec.layers.base import Context, Layer, Parameter, Shape

__all__ = ["BatchNorm"]


class Affine(Layer):
    """What normalisations share: a ``weight`` and a ``bias`` for what they return."""

    @property
    def scaled(self) -> bool:
        """Whether there is a ``weight``."""
        raise NotImplementedError

    @property
    def shifted(self) -> bool:
        """Whether there is a ``bias``."""
        raise NotImplementedError

    def sizes(self, shape: Shape) -> Shape:
        """The shape of the weights: one for each channel."""
        return shape[:1]

    def across(self, shape: Shape) -> Shape:
        """Their shape where they meet a batch: 1 where they repeat."""
        return (1, shape[0], *(1,) * (len(shape) - 1))

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        affine, shape = {}, self.sizes(shapes[0])
        if self.scaled:
            affine["weight"] = Parameter(shape, Ones())
        if self.shifted:
            affine["bias"] = Parameter(shape, Zeros())
        return affine

    def weighted(self, at: Context, out: Array) -> Array:
        """``weight · out + bias``."""
        across = self.across(out.shape[1:])
        if self.scaled:
            out = at["weight"].reshape(across) * out
        if self.shifted:
            out = out + at["bias"].reshape(across)
        return out


def running(shape: Shape) -> dict[str, Parameter]:
    """Running statistics of the channels."""
    return {
        "running_mean": Parameter(shape[:1], Zeros(), trainable=False),
        "running_var": Parameter(shape[:1], Ones(), trainable=False),
    }


@define
class BatchNorm(Affine):
    """Batch normalisation over all axes but the channels: (N, C), (N, C, L),
    (N, C, H, W) or (N, C, D, H, W).

    ``y = weight · (x - mean) / √(var + eps) + bias`` (Ioffe & Szegedy 2015, algorithm
    1). Training uses the batch's mean and its biased variance, and then sets
    ``running = (1 - momentum) · running + momentum · batch``, the variance being the
    unbiased one (n/(n-1)) there, as in PyTorch. Inference uses the running statistics.

    - ``momentum``: the weight of the *new* statistic, PyTorch's convention; the decay
      that Keras and Gluon call momentum is ``1 - momentum``. UNSET: 0.1.
    - ``eps``: inside the root. UNSET: 1e-5 (Keras: 1e-3).
    - ``affine``: with ``weight`` if ``scale`` is true, ``bias`` if ``shift`` is.
    - ``unbiased``: whether the running variance is. UNSET: true (Keras, Gluon: false).
    - ``track_running_stats``: false keeps no state, and inference uses the batch's own
      statistics, too.

    Weights: ``weight``, ``bias``; state: ``running_mean``, ``running_var``; all (C,).
    """

    eps: FloatOrUnset = field(Float(0.0, above=True), default=UNSET, aligned=1e-5)
    momentum: FloatOrUnset = field(Float(0.0, 1.0), default=UNSET, aligned=0.1)
    affine: bool = field(Bool(), default=True)
    unbiased: bool = field(Bool(), default=UNSET, aligned=True)
    scale: bool = field(Bool(), default=True)
    shift: bool = field(Bool(), default=True)
    track_running_stats: bool = field(Bool(), default=True)

    short: ClassVar[str] = "bn"
    examples = (
        ({}, ((3, 4, 5),)),
        ({}, ((6,),)),
        ({}, ((4, 7),)),
        ({}, ((3, 2, 4, 3),)),
        ({"momentum": 0.3, "eps": 1e-3}, ((2, 3, 3),)),
        ({"affine": False}, ((2, 3, 3),)),
        ({"unbiased": False}, ((2, 3, 3),)),
        ({"affine": False, "unbiased": False}, ((4,),)),
        ({"unbiased": False, "shift": False}, ((2, 2, 3, 2),)),
        ({"scale": False}, ((2, 3, 3),)),
        ({"shift": False}, ((3, 5),)),
        ({"scale": False, "unbiased": False}, ((4,),)),
        ({"track_running_stats": False}, ((3, 2, 3),)),
        ({"track_running_stats": False, "scale": False}, ((5,),)),
        ({"track_running_stats": False, "affine": False}, ((2, 3, 2, 2),)),
    )

    @property
    def scaled(self) -> bool:
        """Whether there is a ``weight``."""
        return self.affine and self.scale

    @property
    def shifted(self) -> bool:
        """Whether there is a ``bias``."""
        return self.affine and self.shift

    @property
    def per_channel(self) -> bool:
        return self.track_running_stats

    def channel_map(
        self, parameters: Mapping[str, Array], channels: int
    ) -> tuple[Array, Array]:
        factor = 1 / np.sqrt(parameters["running_var"] + self.eps)
        factor = factor * parameters.get("weight", 1.0)
        shift = parameters.get("bias", 0.0) - factor * parameters["running_mean"]
        return factor, shift

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], 1, 2, 3, 4)
        return shapes[0]

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        affine = super().parameters(*shapes)
        return affine | running(shapes[0]) if self.track_running_stats else affine

    def define(self, at: Context, *x: Array) -> Array:
        axes, across = (0, *range(2, x[0].ndim)), self.across(x[0].shape[1:])
        if at.training or not self.track_running_stats:
            mean, var = x[0].mean(axes), x[0].var(axes)
        else:
            mean, var = at["running_mean"], at["running_var"]
        out = (x[0] - mean.reshape(across)) / np.sqrt(var.reshape(across) + self.eps)
        return self.weighted(at, out)

    def new_state(self, at: Context, *x: Array) -> dict[str, Array]:
        if not self.track_running_stats:
            return {}
        axes = (0, *range(2, x[0].ndim))
        mean, var = x[0].mean(axes), x[0].var(axes, ddof=1 if self.unbiased else 0)
        old, new = 1 - self.momentum, self.momentum
        return {
            "running_mean": old * at["running_mean"] + new * mean,
            "running_var": old * at["running_var"] + new * var,
        }
