"""Losses: one value per sample; the step divides their sum by a global count."""

from __future__ import annotations

import numpy as np

from polyframe.errors import SpecError
from polyframe.spec.element import Element, define
from polyframe.spec.layers.base import Shape


class Loss(Element, family="loss"):
    """The base of all losses. ``classes``: whether targets are integer labels."""

    labels = False

    def check(self, shape: Shape) -> None:
        """SpecError unless the model's output of that shape can be compared."""

    def define(self, output: np.ndarray, target: np.ndarray) -> np.ndarray:
        """The meaning: one loss per sample, (N,)."""
        raise NotImplementedError


@define
class CrossEntropy(Loss):
    """Softmax cross-entropy of logits (N, K) and integer labels (N,).

    ``loss[n] = log Σ_k exp(x[n,k]) - x[n, y[n]]`` (Goodfellow et al. 2016, section
    6.2.2.3), computed with the maximum taken out.
    """

    word = "cross_entropy"
    labels = True

    def check(self, shape: Shape) -> None:
        if len(shape) != 1:
            raise SpecError(
                f"cross_entropy takes logits (classes,) per sample, got {shape}",
                hint="put a Flatten or GlobalAvgPool2D and a Dense at the end",
            )

    def define(self, output: np.ndarray, target: np.ndarray) -> np.ndarray:
        top = output.max(axis=1, keepdims=True)
        total = np.log(np.exp(output - top).sum(axis=1)) + top[:, 0]
        loss: np.ndarray = total - output[np.arange(len(output)), target]
        return loss


@define
class MSE(Loss):
    """Mean squared error: ``loss[n] = mean((output[n] - target[n])²)``."""

    word = "mse"

    def define(self, output: np.ndarray, target: np.ndarray) -> np.ndarray:
        error: np.ndarray = (output - target).reshape(len(output), -1) ** 2
        return error.mean(axis=1)
