"""Gradients of a definition by finite differences."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from polyframe.io.array import Array
from polyframe.spec.interpreter import interpret
from polyframe.spec.losses import MSE
from polyframe.spec.typed import TypedGraph


def numerical_gradients(
    graph: TypedGraph,
    weights: dict[str, Array],
    x: list[Array],
    y: Array,
    draws: Mapping[str, Array],
    step: float = 2e-5,
) -> dict[str, tuple[Array, list[float]]]:
    """Trainable parameter → (some of its indices, the gradient of the mean squared error
    there, by the five-point formula in steps of that size)."""
    rng, gradients = np.random.default_rng(1), {}

    def loss(name: str, flat: Array) -> float:
        changed = weights | {name: flat.reshape(weights[name].shape)}
        outputs, _ = interpret(graph, changed, x, training=True, draws=draws)
        return float(MSE().define(outputs[graph.outputs[0]], y).mean())

    for name, parameter in graph.parameters.items():
        if not parameter.trainable:
            continue
        flat = weights[name].reshape(-1)
        indices = rng.choice(flat.size, min(flat.size, 6), replace=False)
        values = []
        for index in indices:
            shift = np.zeros_like(flat)
            shift[index] = step
            near = loss(name, flat + shift) - loss(name, flat - shift)
            far = loss(name, flat + 2 * shift) - loss(name, flat - 2 * shift)
            values.append((8 * near - far) / (12 * step))
        gradients[name] = indices, values
    return gradients
