"""Losses: one value per sample; the step divides their sum by a global count.

Weights of samples and classes make it the weighted mean ``Σ w[n]·loss[n] / Σ w[n]``
over the whole batch, as PyTorch's ``CrossEntropyLoss(weight=…)`` does (Keras divides by
the count instead), so a common factor of all weights changes nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from polyframe.errors import SpecError
from polyframe.spec.element import Element, brief, define
from polyframe.spec.fields import Bool, Float, Maybe, Several, field
from polyframe.spec.layers.base import Shape


@dataclass(frozen=True)
class Loss(Element, family="loss"):
    """The base of all losses. ``labels``: whether targets are integer labels.

    ``loss_weight``: its factor in the sum, where a model has several outputs.
    """

    loss_weight: float = field(Float(0.0), default=1.0, kw_only=True)

    labels = False

    def check(self, shape: Shape) -> None:
        """SpecError unless the model's output of that shape can be compared."""

    def define(self, output: np.ndarray, target: np.ndarray) -> np.ndarray:
        """The meaning: one loss per sample, (N,)."""
        raise NotImplementedError

    def weigh(self, target: np.ndarray) -> np.ndarray | None:
        """The weight that each sample has by its target, (N,); None if all have 1."""
        return None

    @property
    def weighs(self) -> bool:
        """Whether ``weigh`` gives weights."""
        return False


@define
class CrossEntropy(Loss):
    """Softmax cross-entropy of logits (N, K) and integer labels (N,).

    ``loss[n] = -Σ_k t[n,k] · log softmax(x[n])[k]`` (Goodfellow et al. 2016, section
    6.2.2.3), where ``t`` is 1 at the label; computed with the maximum taken out.

    - ``label_smoothing`` ε: ``t = (1-ε)·t + ε/K`` (Szegedy et al. 2016, section 7).
    - ``class_weights``: a factor for each class; samples take that of their label.
    - ``soft``: the targets are probabilities ``t`` (N, K) instead of labels.
    """

    label_smoothing: float = field(Float(0.0, 1.0), default=0.0)
    class_weights: tuple[float, ...] | None = field(
        Maybe(Several(Float(0.0), least=2)), default=None
    )
    soft: bool = field(Bool(), default=False)

    word = "cross_entropy"
    labels = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.class_weights is not None and not any(self.class_weights):
            raise SpecError("class_weights are all 0", where=self.label)

    def check(self, shape: Shape) -> None:
        if len(shape) != 1:
            raise SpecError(
                f"cross_entropy takes logits (classes,) per sample, got {shape}",
                hint="put a Flatten or GlobalAvgPool2D and a Dense at the end",
            )
        if self.class_weights is not None and len(self.class_weights) != shape[0]:
            raise SpecError(
                f"cross_entropy has {len(self.class_weights)} class_weights for "
                f"{shape[0]} outputs"
            )

    def define(self, output: np.ndarray, target: np.ndarray) -> np.ndarray:
        top = output.max(axis=1, keepdims=True)
        total = np.log(np.exp(output - top).sum(axis=1)) + top[:, 0]
        if target.ndim == 1:
            at_target = output[np.arange(len(output)), target]
        else:
            at_target = (target * output).sum(axis=1)
            total = total * target.sum(axis=1)
        smooth = self.label_smoothing
        if smooth:
            at_target = (1 - smooth) * at_target + smooth * output.mean(axis=1)
        loss: np.ndarray = total - at_target
        return loss

    def weigh(self, target: np.ndarray) -> np.ndarray | None:
        if self.class_weights is None:
            return None
        weights = np.array(self.class_weights)
        found: np.ndarray = weights[target] if target.ndim == 1 else target @ weights
        return found

    @property
    def weighs(self) -> bool:
        return self.class_weights is not None


@define
class MSE(Loss):
    """Mean squared error: ``loss[n] = mean((output[n] - target[n])²)``."""

    word = "mse"

    def define(self, output: np.ndarray, target: np.ndarray) -> np.ndarray:
        error: np.ndarray = (output - target).reshape(len(output), -1) ** 2
        return error.mean(axis=1)


Losses = tuple[Loss, ...]
"""One loss for each output of a model."""


def parse_losses(value: Any, outputs: Sequence[str] | None = None) -> Losses:
    """Losses from one for all outputs, a list in the outputs' order, or a mapping.

    Without ``outputs`` (their names), one alone stays one.
    """
    one = isinstance(value, (str, Loss)) or (
        isinstance(value, Mapping) and "type" in value
    )
    if one:
        return (Loss.parse(value),) * (len(outputs) if outputs else 1)
    if isinstance(value, Mapping):
        if outputs is None or set(value) != set(outputs):
            known = ", ".join(outputs or ())
            raise SpecError(
                f"got losses for {', '.join(map(brief, value))}; one for each output "
                f"is needed",
                where="loss",
                hint=f"outputs: {known}; for a single loss, {{type: name, …}}",
            )
        value = [value[name] for name in outputs]
    if not isinstance(value, (list, tuple)) or not value:
        raise SpecError(
            f"got {brief(value)}; a name, {{type: name, …}}, or a list with one for "
            "each output is needed",
            where="loss",
        )
    if outputs is not None and len(value) != len(outputs):
        raise SpecError(
            f"got {len(value)} losses for {len(outputs)} outputs", where="loss"
        )
    return tuple(Loss.parse(item) for item in value)


def sample_weights(
    losses: Losses, targets: Sequence[np.ndarray], given: np.ndarray | None
) -> list[np.ndarray | None]:
    """Each output's weights of samples: those given, times those of the classes."""
    found: list[np.ndarray | None] = []
    for loss, target in zip(losses, targets, strict=True):
        own = loss.weigh(target)
        if own is not None and given is not None:
            own = own * given
        found.append(given if own is None else own)
    return found


def soften(losses: Losses, targets: Sequence[np.ndarray]) -> Losses:
    """The losses with ``soft`` as the targets have it: labels, or probabilities."""
    return tuple(
        dataclasses.replace(loss, soft=target.dtype.kind == "f")
        if isinstance(loss, CrossEntropy)
        else loss
        for loss, target in zip(losses, targets, strict=True)
    )
