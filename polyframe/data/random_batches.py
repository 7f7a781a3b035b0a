"""Random batches: inputs, and targets on which a loss is defined."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from polyframe.io.array import Array
from polyframe.randomness import generator
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses import Loss, Losses, TargetKind

NamedShape = tuple[str, Shape]
"""(name of an input or output, shape of a sample)."""


def targets(
    loss: Loss,
    shape: Shape,
    count: int,
    rng: np.random.Generator,
    kind: TargetKind | None = None,
    edges: bool = False,
) -> Array:
    """Targets (N, …) for outputs (N, *shape), by default of the first kind that the loss
    takes. Values include the smallest and the largest that are allowed.

    With ``edges``, labels include every class and the label that is ignored, even for
    few samples, and probabilities need not add up to 1.
    """
    kind = kind or loss.target_kinds[0]
    full = (count, *shape)
    if kind == "labels":
        return _labels(loss, full, rng, edges)
    if kind == "probabilities":
        return _probabilities(full, rng, edges and loss.domain == "any")
    if loss.domain == "unused":
        return np.zeros(count)
    if loss.domain == "probabilities":
        return _probabilities(full, rng, edges)
    if loss.domain == "log-probabilities":
        shares = rng.exponential(size=full)
        return np.asarray(np.log(shares / shares.sum(axis=1, keepdims=True)))
    if loss.domain == "from 0 to 1":
        shares = rng.random(full)
        return np.where(shares < 0.3, 0.0, np.where(shares > 0.7, 1.0, shares))
    if loss.domain == "signs":
        return rng.choice([-1.0, 1.0], full)
    return rng.normal(size=full)


def _labels(loss: Loss, full: Shape, rng: np.random.Generator, edges: bool) -> Array:
    count, classes, *pixels = full
    ignored = loss.ignored_label
    if not edges:
        y = rng.integers(0, classes, (count, *pixels))
        return y if ignored is None else np.where(rng.random(y.shape) < 0.3, ignored, y)
    y = np.resize(rng.permutation(classes), (count, *pixels))
    if ignored is not None:
        y.reshape(-1)[4::5] = ignored
    return y


def _probabilities(full: Shape, rng: np.random.Generator, more: bool) -> Array:
    """The first sample's are 0 and 1; with ``more``, the second's add up to 1.5."""
    shares = rng.exponential(size=full)
    shares /= shares.sum(axis=1, keepdims=True)
    shares[0] = 0.0
    shares[0, 1 % full[1]] = 1.0
    if more:
        shares[1] *= 1.5
    return np.asarray(shares)


def batch(
    inputs: Sequence[NamedShape],
    outputs: Sequence[NamedShape],
    losses: Losses,
    count: int,
    *key: int | str,
) -> tuple[list[Array], list[Array]]:
    """Inputs and targets in float64, rounded to float32.

    ``inputs`` and ``outputs`` are (name, shape) pairs; the values depend on ``key`` and
    the name only.
    """
    x = [generator(0, "x", *key, n).normal(size=(count, *s)) for n, s in inputs]
    y = [
        targets(loss, shape, count, generator(0, "y", *key, name))
        for loss, (name, shape) in zip(losses, outputs, strict=True)
    ]
    return [single(a) for a in x], [single(a) if a.dtype.kind == "f" else a for a in y]


def single(value: Array) -> Array:
    """The values rounded to float32, as float64."""
    return value.astype(np.float32).astype(np.float64)
