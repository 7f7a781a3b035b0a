"""Batches to train on: random inputs, and targets on which a loss is defined."""

from __future__ import annotations

from typing import Any

import numpy as np

from polyframe.randomness import generator
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses import Loss


def targets(
    loss: Any, shape: Shape, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Targets (N, …) for outputs (N, *shape), edges among them."""
    full = (count, *shape)
    if loss.type == "triplet":
        return np.zeros(count)
    if loss.labels and not getattr(loss, "soft", False):
        y = rng.integers(0, shape[0], (count, *shape[1:]))
        ignored = getattr(loss, "ignore_index", None)
        return y if ignored is None else np.where(rng.random(y.shape) < 0.3, ignored, y)
    if loss.type in ("cross_entropy", "nll", "dice", "kl_div"):
        shares = rng.exponential(size=full)
        shares /= shares.sum(axis=1, keepdims=True)
        if loss.type == "kl_div" and loss.log_target:
            return np.asarray(np.log(shares))
        shares[0] = 0.0
        shares[0, 1 % shape[0]] = 1.0
        return np.asarray(shares)
    if loss.type in ("binary_cross_entropy", "focal"):
        shares = rng.random(full)
        return np.where(shares < 0.3, 0.0, np.where(shares > 0.7, 1.0, shares))
    if loss.type.endswith("hinge"):
        return rng.choice([-1.0, 1.0], full)
    return rng.normal(size=full)


def batch(
    inputs: Any, outputs: Any, losses: tuple[Loss, ...], count: int, *key: Any
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Inputs and targets in float64 whose numbers float32 holds, too.

    ``inputs`` and ``outputs`` are (name, shape) pairs; numbers depend on ``key`` and
    the name only.
    """
    x = [generator(0, "x", *key, n).normal(size=(count, *s)) for n, s in inputs]
    y = [
        targets(loss, shape, count, generator(0, "y", *key, name))
        for loss, (name, shape) in zip(losses, outputs, strict=True)
    ]
    return [single(a) for a in x], [single(a) if a.dtype.kind == "f" else a for a in y]


def single(value: np.ndarray) -> np.ndarray:
    """The nearest numbers that float32 holds, as float64."""
    return value.astype(np.float32).astype(np.float64)
