"""Normalisation over a sample: layer, group, instance, RMS, local response."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.element import define, define_base
from polyframe.spec.field_types import FloatOrUnset, OptionalInts
from polyframe.spec.fields import UNSET, Bool, Float, Int, Maybe, Several, field
from polyframe.spec.layers.base import Context, Layer, Parameter, Shape, positive_axis
from polyframe.spec.layers.batch_norm import Affine, running

__all__ = ["GroupNorm", "InstanceNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]


def standardize(x: Array, axes: tuple[int, ...], eps: float) -> Array:
    """``(x - mean) / √(var + eps)`` over some axes; the variance is the biased one."""
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    out: Array = (x - mean) / np.sqrt(var + eps)
    return out


@define_base
class OverAxes(Affine):
    """What layer norm and RMS norm share: the axes, and weights of their sizes."""

    axes: OptionalInts = field(Maybe(Several(Int(-4, 4), 1, 4)), default=None)

    short: ClassVar[str] = "norm"

    def over(self, shape: Shape) -> tuple[int, ...]:
        """The axes, counted from N = 0, in order."""
        if self.axes is None:
            return tuple(range(1, len(shape) + 1))
        axes = sorted(positive_axis(axis, shape) for axis in self.axes)
        if len(set(axes)) < len(axes):
            raise SpecError(f"axes {self.axes} name an axis twice")
        return tuple(axes)

    def sizes(self, shape: Shape) -> Shape:
        """The shape of the weights: the sizes of these axes."""
        return tuple(shape[axis - 1] for axis in self.over(shape))

    def across(self, shape: Shape) -> Shape:
        """Their shape where they meet a batch: 1 on every other axis."""
        over = self.over(shape)
        return (1, *(n if i in over else 1 for i, n in enumerate(shape, 1)))

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], 1, 2, 3, 4)
        self.over(shapes[0])
        return shapes[0]


@define
class LayerNorm(OverAxes):
    """Layer normalisation of each sample over some axes: (N, C, H, W) or another rank.

    ``y = weight · (x - mean) / √(var + eps) + bias``, the variance being the biased one
    (Ba, Kiros & Hinton 2016, section 3). Training and inference are the same.

    - ``axes``: as counted in (N, C, H, W); none: all after N. PyTorch's
      ``normalized_shape`` stands for the last ones; ``axes=1`` normalises the channels
      at each spatial position, as in ConvNeXt (Liu et al. 2022).
    - ``eps``: inside the root. UNSET: 1e-5 (Keras: 1e-3).
    - ``elementwise_affine``: with ``weight``, and ``bias`` if ``bias`` is true.

    Weights: ``weight``, ``bias``, of the sizes of the axes, in their order.
    """

    eps: FloatOrUnset = field(Float(0.0, above=True), default=UNSET, aligned=1e-5)
    elementwise_affine: bool = field(Bool(), default=True)
    bias: bool = field(Bool(), default=True)

    examples = (
        ({}, ((3, 4, 5),)),
        ({}, ((6,),)),
        ({"axes": 1}, ((4, 3, 5),)),
        ({"axes": -1, "eps": 1e-3}, ((3, 5),)),
        ({"axes": 1, "bias": False}, ((3, 7),)),
        ({"axes": (2, 3)}, ((2, 3, 5),)),
        ({"axes": (3, 1), "bias": False}, ((2, 4, 3),)),
        ({"elementwise_affine": False}, ((2, 3, 4),)),
        ({"axes": (-4, -1)}, ((3, 2, 4, 3),)),
        ({"axes": 1, "elementwise_affine": False}, ((4, 2, 3, 2),)),
    )

    @property
    def scaled(self) -> bool:
        return self.elementwise_affine

    @property
    def shifted(self) -> bool:
        return self.elementwise_affine and self.bias

    def define(self, at: Context, *x: Array) -> Array:
        over = self.over(x[0].shape[1:])
        return self.weighted(at, standardize(x[0], over, self.eps))


@define
class RMSNorm(OverAxes):
    """Division by the root mean square of each sample over some axes.

    ``y = weight · x / √(mean(x²) + eps)`` (Zhang & Sennrich 2019, equation 4); no mean
    is subtracted, and there is no bias.

    - ``axes``: as in LayerNorm; none: all after N.
    - ``eps``: inside the root. UNSET: 2⁻²³, which is what ``torch.nn.RMSNorm`` takes in
      float32 (it takes the machine epsilon of whatever dtype; Keras: 1e-6).
    - ``elementwise_affine``: with ``weight``.

    Weights: ``weight``, of the sizes of the axes, in their order.
    """

    eps: FloatOrUnset = field(Float(0.0, above=True), default=UNSET, aligned=2.0**-23)
    elementwise_affine: bool = field(Bool(), default=True)

    examples = (
        ({}, ((3, 4, 5),)),
        ({}, ((6,),)),
        ({"axes": 1}, ((4, 3, 5),)),
        ({"axes": -1, "eps": 1e-3}, ((3, 5),)),
        ({"axes": (3, 1)}, ((2, 4, 3),)),
        ({"axes": (2, 3), "elementwise_affine": False}, ((2, 3, 5),)),
        ({"axes": (-4, -1)}, ((3, 2, 4, 3),)),
    )

    @property
    def scaled(self) -> bool:
        return self.elementwise_affine

    @property
    def shifted(self) -> bool:
        return False

    def define(self, at: Context, *x: Array) -> Array:
        over = self.over(x[0].shape[1:])
        square = np.mean(x[0] ** 2, axis=over, keepdims=True)
        return self.weighted(at, x[0] / np.sqrt(square + self.eps))


@define
class GroupNorm(Affine):
    """Normalisation of each sample over groups of channels: (N, C, H, W), any rank.

    The channels are split into ``num_groups`` equal groups, in order; each is
    standardised over its channels and all spatial positions: ``y = weight · (x - mean) /
    √(var + eps) + bias`` (Wu & He 2018, section 3.1). The weights are one for each
    channel, not for each group.

    - ``eps``: inside the root. UNSET: 1e-5 (Keras: 1e-3).
    - ``affine``: with ``weight`` and ``bias``.

    Weights: ``weight``, ``bias``; both (C,).
    """

    num_groups: int = field(Int())
    eps: FloatOrUnset = field(Float(0.0, above=True), default=UNSET, aligned=1e-5)
    affine: bool = field(Bool(), default=True)

    short: ClassVar[str] = "norm"
    examples = (
        ({"num_groups": 2}, ((4, 3, 5),)),
        ({"num_groups": 3}, ((6,),)),
        ({"num_groups": 1, "eps": 1e-3}, ((3, 5),)),
        ({"num_groups": 4}, ((4, 3, 3),)),
        ({"num_groups": 3, "affine": False}, ((6, 2, 3),)),
        ({"num_groups": 2}, ((4, 2, 3, 2),)),
    )

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], 1, 2, 3, 4)
        if shapes[0][0] % self.num_groups:
            raise SpecError(
                f"channels (={shapes[0][0]}) must be divisible by num_groups "
                f"(={self.num_groups})"
            )
        return shapes[0]

    @property
    def scaled(self) -> bool:
        return self.affine

    @property
    def shifted(self) -> bool:
        return self.affine

    def define(self, at: Context, *x: Array) -> Array:
        groups = x[0].reshape(len(x[0]), self.num_groups, -1)
        out = standardize(groups, (2,), self.eps)
        return self.weighted(at, out.reshape(x[0].shape))


@define
class InstanceNorm(Affine):
    """Normalisation of each channel of each sample over space: (N, C, H, W).

    ``y = weight · (x - mean) / √(var + eps) + bias`` (Ulyanov, Vedaldi & Lempitsky
    2016), for one to three spatial axes, with more than one position.

    - ``affine``: with ``weight`` and ``bias``.
    - ``track_running_stats``: keeps ``running = (1 - momentum) · running + momentum ·
      new``, where new is the batch's average of the samples' means, and of their
      unbiased variances; inference then uses these instead of the sample's own.
    - ``momentum``: the weight of the new statistic.

    Weights: ``weight``, ``bias``; state: ``running_mean``, ``running_var``; all (C,).
    Fields as ``torch.nn.InstanceNorm2d``.
    """

    eps: float = field(Float(0.0, above=True), default=1e-5)
    affine: bool = field(Bool(), default=False)
    momentum: float = field(Float(0.0, 1.0), default=0.1)
    track_running_stats: bool = field(Bool(), default=False)

    short: ClassVar[str] = "norm"
    examples = (
        ({}, ((3, 4, 5),)),
        ({"affine": True}, ((2, 5, 3),)),
        ({"affine": True, "eps": 1e-3}, ((3, 7),)),
        ({}, ((2, 3, 2, 3),)),
        ({"track_running_stats": True}, ((3, 4, 5),)),
        (
            {"track_running_stats": True, "momentum": 0.3, "affine": True},
            ((2, 3, 4),),
        ),
        ({"track_running_stats": True}, ((3, 5),)),
        ({"track_running_stats": True, "affine": True}, ((2, 2, 3, 2),)),
    )

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], 2, 3, 4)
        if math.prod(shapes[0][1:]) == 1:
            raise SpecError(
                "has one value per channel here, which is its own mean",
                hint="move it to an earlier point of the network, or take LayerNorm",
            )
        return shapes[0]

    @property
    def scaled(self) -> bool:
        return self.affine

    @property
    def shifted(self) -> bool:
        return self.affine

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        affine = super().parameters(*shapes)
        return affine | running(shapes[0]) if self.track_running_stats else affine

    def define(self, at: Context, *x: Array) -> Array:
        if at.training or not self.track_running_stats:
            out = standardize(x[0], tuple(range(2, x[0].ndim)), self.eps)
        else:
            across = self.across(x[0].shape[1:])
            mean, var = at["running_mean"], at["running_var"]
            out = x[0] - mean.reshape(across)
            out = out / np.sqrt(var.reshape(across) + self.eps)
        return self.weighted(at, out)

    def new_state(self, at: Context, *x: Array) -> dict[str, Array]:
        if not self.track_running_stats:
            return {}
        axes = tuple(range(2, x[0].ndim))
        mean, var = x[0].mean(axes).mean(0), x[0].var(axes, ddof=1).mean(0)
        old, new = 1 - self.momentum, self.momentum
        return {
            "running_mean": old * at["running_mean"] + new * mean,
            "running_var": old * at["running_var"] + new * var,
        }


@define
class LocalResponseNorm(Layer):
    """Division by a power of the neighbouring channels' squares: (N, C, H, W).

    ``y[c] = x[c] / (k + alpha / size · Σ x[i]²)^beta``, the sum going over the ``size``
    channels from ``c - size // 2`` on, as far as they exist (Krizhevsky, Sutskever &
    Hinton 2012, section 3.3). Fields as ``torch.nn.LocalResponseNorm``, which divides
    alpha by the size; the paper does not. For one to three spatial axes.
    """

    size: int = field(Int())
    alpha: float = field(Float(0.0), default=1e-4)
    beta: float = field(Float(0.0), default=0.75)
    k: float = field(Float(0.0, above=True), default=1.0)

    short: ClassVar[str] = "lrn"
    examples = (
        ({"size": 5}, ((7, 3, 4),)),
        ({"size": 3, "alpha": 0.5, "beta": 0.6, "k": 2.0}, ((5, 3, 2),)),
        ({"size": 2, "alpha": 0.5}, ((5, 2, 3),)),
        ({"size": 5, "alpha": 0.5}, ((3, 2, 3),)),
        ({"size": 1, "beta": 0.5}, ((2, 3, 3),)),
        ({"size": 4, "alpha": 1.0}, ((6, 5),)),
        ({"size": 3, "alpha": 1.0}, ((4, 2, 3, 2),)),
    )

    @property
    def sides(self) -> tuple[int, int]:
        """How many channels of a window come before its own, and after it."""
        return self.size // 2, (self.size - 1) // 2

    def infer(self, *shapes: Shape) -> Shape:
        self.needs_rank(shapes[0], 2, 3, 4)
        return shapes[0]

    def multiply_adds(self, *shapes: Shape) -> int:
        return math.prod(shapes[0]) * self.size

    def define(self, at: Context, *x: Array) -> Array:
        flat = x[0].reshape(*x[0].shape[:2], -1)
        padded = np.pad(flat**2, ((0, 0), self.sides, (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.size, axis=1)
        out: Array = flat / (self.k + self.alpha * windows.mean(axis=-1)) ** self.beta
        return out.reshape(x[0].shape)
