"""Losses of the distance between output and target, numbers of one shape."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from polyframe.io.array import Array
from polyframe.spec.element import define
from polyframe.spec.fields import Bool, Float, field
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses.base import Domain, Loss, per_sample
from polyframe.spec.losses.targets import probabilities

__all__ = ["L1", "MSE", "Cosine", "Huber", "KLDiv", "SmoothL1"]


@define
class MSE(Loss):
    """Mean squared error: ``loss[n] = mean((output[n] - target[n])²)``."""

    word = "mse"

    def define(self, output: Array, target: Array) -> Array:
        return per_sample((output - target) ** 2)


@define
class L1(Loss):
    """Mean absolute error: ``loss[n] = mean(|output[n] - target[n]|)``."""

    word = "l1"

    def define(self, output: Array, target: Array) -> Array:
        return per_sample(np.abs(output - target))


@define
class Huber(Loss):
    """Quadratic for small errors, linear for large ones (Huber 1964).

    ``loss[n]`` is the mean of ``e²/2`` where ``|e| ≤ δ`` and of ``δ·(|e| - δ/2)``
    elsewhere, ``e = output - target``. PyTorch's and Keras's Huber; MXNet's is
    ``SmoothL1``.

    - ``delta``: δ, 1.
    """

    delta: float = field(Float(0.0, above=True), default=1.0)

    word = "huber"
    examples: ClassVar = ({}, {"delta": 0.3})

    def define(self, output: Array, target: Array) -> Array:
        error, delta = np.abs(output - target), self.delta
        line = delta * (error - delta / 2)
        return per_sample(np.where(error <= delta, error**2 / 2, line))


@define
class SmoothL1(Loss):
    """L1 that is quadratic near 0 (Girshick 2015, equation 3).

    ``loss[n]`` is the mean of ``e²/(2β)`` where ``|e| < β`` and of ``|e| - β/2``
    elsewhere, ``e = output - target``: Huber's loss over β.

    - ``beta``: β, 1; 0 is L1.
    """

    beta: float = field(Float(0.0), default=1.0)

    word = "smooth_l1"
    examples: ClassVar = ({}, {"beta": 0.3}, {"beta": 0.0})

    def define(self, output: Array, target: Array) -> Array:
        error, beta = np.abs(output - target), self.beta
        if beta == 0:
            return per_sample(error)
        return per_sample(
            np.where(error < beta, error**2 / (2 * beta), error - beta / 2)
        )


@define
class KLDiv(Loss):
    """Kullback-Leibler divergence of log-probabilities ``x`` from probabilities ``t``.

    ``t · (log t - x)`` (Goodfellow et al. 2016, section 3.13; 0 where t is 0), and of
    these the mean over all numbers of a sample, as PyTorch's ``KLDivLoss`` does by
    default.

    - ``batchmean``: their sum for each sample, which is the divergence itself
      (PyTorch's reduction="batchmean"; Gluon's sums, too).
    - ``log_target``: the targets are log-probabilities, too.
    """

    log_target: bool = field(Bool(), default=False)
    batchmean: bool = field(Bool(), default=False)

    word = "kl_div"
    takes = "log-probabilities"
    examples: ClassVar = (
        {},
        {"batchmean": True},
        {"log_target": True},
        {"log_target": True, "batchmean": True},
    )

    @property
    def domain(self) -> Domain:
        return "log-probabilities" if self.log_target else "probabilities"

    def take(self, target: Array, shape: Shape, dtype: str) -> Array:
        if self.log_target:
            return super().take(target, shape, dtype)
        return probabilities(target, shape, dtype)

    def define(self, output: Array, target: Array) -> Array:
        if self.log_target:
            losses = np.exp(target) * (target - output)
        else:
            logs = np.log(np.where(target > 0, target, 1))
            losses = target * (logs - output)
        losses = losses.reshape(len(losses), -1)
        out: Array = losses.sum(axis=1) if self.batchmean else losses.mean(axis=1)
        return out


@define
class Cosine(Loss):
    """One minus the cosine of output and target, as vectors along axis 1.

    ``loss[n] = 1 - x·t / (max(|x|, 1e-8) · max(|t|, 1e-8))``, the mean over pixels of
    that for (N, C, H, W). The cosine is PyTorch's ``cosine_similarity``; Keras's
    ``CosineSimilarity`` loss is minus the cosine, with 1e-7 for 1e-8.
    """

    word = "cosine"
    by_axes = True

    def define(self, output: Array, target: Array) -> Array:
        norms = 1.0
        for vectors in (output, target):
            norms = norms * np.maximum(np.sqrt((vectors**2).sum(axis=1)), 1e-8)
        return per_sample(1 - (output * target).sum(axis=1) / norms)
