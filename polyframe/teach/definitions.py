"""One training step by the definitions in NumPy, in float64: outputs, the loss, gradients,
running statistics and new weights."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from polyframe.io.array import Array
from polyframe.spec.complex_steps import STEP, Analytic
from polyframe.spec.interpreter import interpret
from polyframe.spec.losses import Losses, sample_weights
from polyframe.spec.optimizers import Optimizer
from polyframe.spec.recipe import Recipe
from polyframe.spec.sampling import draw
from polyframe.spec.typed import TypedGraph, flatten
from polyframe.teach.samples import Batch

PATIENCE = 20.0
"""Seconds that the gradients of the definition may take."""
BESIDE_LARGEST = 4
"""How many numbers of each gradient are computed, besides the largest one."""


class Defined(NamedTuple):
    """Some numbers of a gradient: their flat indices, and their values."""

    indices: list[int]
    values: Array


@dataclass(frozen=True)
class Definition:
    """The step of a network from given weights on a batch, all in float64."""

    graph: TypedGraph
    losses: Losses
    weights: Mapping[str, Array]
    batch: Batch
    seed: int = 0

    def draws(self) -> dict[str, Array]:
        """The random numbers of random layers in the first step."""
        count = len(self.batch.x[0])
        return {
            node.path: draw(
                node.layer, node.in_shapes, (self.seed, "draw", 0, node.path), 0, count,
                "float64",
            )
            for node in flatten(self.graph).nodes
            if node.layer.random
        }  # fmt: skip

    def forward(self) -> tuple[dict[str, Array], dict[str, Array]]:
        """Each layer's output by its path, and the new running statistics."""
        return self._forward(self.weights)

    def _forward(
        self, weights: Mapping[str, Array]
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        return interpret(
            self.graph, weights, self.batch.x, training=True, draws=self.draws()
        )

    def loss(self, outputs: Mapping[str, Array]) -> Array:
        """The loss of the step, (): for each output the mean over its samples (or their
        sum), times its ``loss_weight``, added up."""
        total = np.zeros((), np.result_type(*outputs.values()))
        shares = sample_weights(self.losses, self.batch.y, None)
        for loss, name, target, (weights, share) in zip(
            self.losses, self.graph.outputs, self.batch.y, shares, strict=True
        ):
            values = (weights * loss.define(outputs[name], target)).sum()
            if share is not None:
                values = values / share if share else 0 * values
            total = total + loss.loss_weight * values
        return np.asarray(total)

    def gradients(
        self, largest: Mapping[str, int]
    ) -> tuple[dict[str, Defined], str | None]:
        """Some numbers of each trained parameter's gradient: the first few, and that at
        the index ``largest``. Each takes a pass, a complex step (``complex_steps``).

        With none, the reason: the passes would take too long, or a definition is not made
        for complex numbers.
        """
        chosen = {
            name: sorted(
                {*range(min(BESIDE_LARGEST, self.weights[name].size))}
                | ({largest[name]} if name in largest else set())
            )
            for name, parameter in self.graph.parameters.items()
            if parameter.trainable
        }
        passes = sum(map(len, chosen.values()))
        analytic: dict[str, Array] = {
            name: w.astype(complex).view(Analytic) for name, w in self.weights.items()
        }
        defined: dict[str, Defined] = {}
        began, done = time.perf_counter(), 0
        for name, indices in chosen.items():
            flat = analytic[name].reshape(-1)
            values = []
            for index in indices:
                flat[index] += 1j * STEP
                try:
                    outputs, _ = self._forward(analytic)
                    values.append(float(self.loss(outputs).imag) / STEP)
                except TypeError:
                    return {}, "a layer's definition does not take complex numbers"
                flat[index] -= 1j * STEP
                done += 1
                left = (time.perf_counter() - began) / done * (passes - done)
                if left > PATIENCE:
                    return {}, f"{passes} passes in NumPy would take about {left:.0f} s"
            defined[name] = Defined(indices, np.array(values))
        return defined, None


def plain_update(recipe: Recipe) -> str | None:
    """Why new weights do not follow from gradients by the optimizer's formula alone; None
    if they do."""
    changed = recipe.training.changed()
    changed.pop("accumulate", None)  # the step walked is of one batch
    changed.pop("precision", None)
    if changed:
        return f"the recipe sets {', '.join(changed)}"
    if recipe.optimizer.spares_vectors:
        return 'decay_on="kernels" treats parameters in two ways'
    return None


def updated(optimizer: Optimizer, weight: Array, gradient: Array) -> Array:
    """A parameter after the first step, by the optimizer's definition."""
    rule = optimizer.resolve({})
    exact = weight.astype(np.float64)
    return rule.define(
        exact, gradient.astype(np.float64), rule.start(exact), rule.lr, 1
    )


def wanted_batch(samples: Batch, dtype: str) -> Batch:
    """The batch as a program of that dtype sees it, in float64; labels unchanged."""
    return Batch(*([exact(a, dtype) for a in part] for part in (samples.x, samples.y)))


def exact(array: Array, dtype: str) -> Array:
    """Floats rounded to a dtype, as float64."""
    rounded = array.astype(dtype).astype(np.float64)
    return rounded if array.dtype.kind == "f" else array


def largest_of(gradients: Mapping[str, Array]) -> dict[str, int]:
    """The flat index of the largest number of each gradient."""
    return {name: int(np.abs(value).argmax()) for name, value in gradients.items()}


def first_of(values: Sequence[float] | Array, count: int) -> tuple[float, ...]:
    """The first few numbers of an array."""
    return tuple(float(v) for v in np.asarray(values).reshape(-1)[:count])
