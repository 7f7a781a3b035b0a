"""The oracle of training: whole steps in NumPy, by the definitions.

Gradients are the definitions' own, by complex steps, Im f(w + ih) / h, which nothing
cancels in (Squire & Trapp 1998, "Using complex variables to estimate derivatives of real
functions"): exact to rounding, with h = 1e-30. So no framework is in it. It takes two
passes for each number of the weights: for tiny nets only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from polyframe.io.array import Array
from polyframe.randomness import order
from polyframe.spec.interpreter import interpret
from polyframe.spec.losses import parse_losses
from polyframe.spec.model import ModelSpec
from polyframe.spec.optimizers import Optimizer
from polyframe.spec.sampling import draw, initial_weights
from polyframe.spec.settings import Training
from polyframe.spec.typed import flatten
from polyframe.train.arrays import as_list, as_one

STEP = 1e-30
Arrays = dict[str, Array]
Part = Sequence[Any]
"""A batch: (x, y) or (x, y, weights of samples)."""


class Analytic(Array):
    """Complex numbers whose variance can be differentiated: NumPy's takes |x|."""

    def __array_function__(
        self, function: Any, types: Any, args: Any, kwargs: Any
    ) -> Any:
        found = super().__array_function__(function, types, args, kwargs)
        return found.view(Analytic) if isinstance(found, np.ndarray) else found

    def var(self, axis: Any = None, ddof: Any = 0, **_: Any) -> Any:  # type: ignore[override]
        """The variance as a sum of squares, not of absolute values squared."""
        apart = (self - self.mean(axis, keepdims=True)) ** 2
        return apart.sum(axis) / (self.size // apart.sum(axis).size - ddof)


class Trainer:
    """Whole steps on canonical weights; everything is public and may be looked at.

    ``frozen`` are the layers that ``freeze`` means, spelt out.
    """

    def __init__(
        self,
        net: ModelSpec,
        loss: Any,
        optimizer: Optimizer,
        training: Training | None = None,
        seed: int = 0,
        frozen: Sequence[str] = (),
    ) -> None:
        self.graph, self.seed = net.infer({}), seed
        self.training = training or Training()
        self.losses = parse_losses(loss, self.graph.outputs)
        self.optimizer: Any = optimizer.resolve({})
        self.lr = self.optimizer.lr
        parameters = self.graph.parameters
        self.weights = initial_weights(parameters, seed, "float64")
        self.trainable = [n for n, p in parameters.items() if p.trainable]
        self.trained = [n for n in self.trainable if n.rpartition(".")[0] not in frozen]
        self.norms = {n.owner for n in self.graph.walk() if n.layer.type == "BatchNorm"}
        self.state = {n: self.optimizer.start(self.weights[n]) for n in self.trained}
        self.average = {n: self.weights[n].copy() for n in self.trained}
        self.step = 0
        self.losses_seen: list[float] = []
        self.rates: list[float] = []

    def draws(self, count: int, first: int) -> Arrays:
        """The factors of random layers for samples ``first`` … of this step."""
        nodes = [n for n in flatten(self.graph).nodes if n.layer.random]
        return {
            n.path: draw(n.layer, n.in_shapes, (self.seed, "draw", self.step, n.path),
                         first, count, "float64")
            for n in nodes
        }  # fmt: skip

    def loss(
        self, weights: Arrays, part: Part, factors: Any, first: int, count: int
    ) -> tuple[Any, Arrays]:
        """One batch's share of a step's loss, and its new running statistics."""
        x, y = as_list(part[0]), as_list(part[1])
        known, state = interpret(
            self.graph, weights, x, training=True, draws=self.draws(len(x[0]), first)
        )
        total: Any = 0.0
        for loss, name, target, factor in zip(
            self.losses, self.graph.outputs, y, factors, strict=True
        ):
            values = loss.define(known[name], target)
            total = total + loss.loss_weight * (factor * values).sum() / count
        return total, state

    def slope(self, *batch: Any) -> Arrays:
        """The gradients of ``loss``, by a complex step in each number."""
        found: Arrays = {}
        analytic: Arrays = {
            n: w.astype(complex).view(Analytic) for n, w in self.weights.items()
        }
        for name in self.trainable:
            found[name] = np.zeros(self.weights[name].shape)
            for index in np.ndindex(found[name].shape):
                analytic[name][index] += 1j * STEP
                found[name][index] = self.loss(analytic, *batch)[0].imag / STEP
                analytic[name][index] -= 1j * STEP
        return found

    def factors(self, parts: Sequence[Part]) -> list[list[Array]]:
        """Weights of samples, over their labels' mean: part → output → (N,)."""
        found: list[list[Array]] = [[] for _ in parts]
        for index, loss in enumerate(self.losses):
            columns, every = [], []
            weights = getattr(loss, "class_weights", None)
            for part in parts:
                y = as_list(part[1])[index]
                w = np.ones(len(y)) if len(part) < 3 else np.asarray(part[2], float)
                columns.append(w)
                if loss.type == "cross_entropy" and weights and y.ndim == 1:
                    w = w * np.array(weights)[y]
                every.append(w)
            mean = np.concatenate(every).mean()
            for row, w in zip(found, columns, strict=True):
                row.append(w / mean if mean else w)
        return found

    def gradients(self, parts: Sequence[Part]) -> tuple[float, Arrays]:
        """(loss, gradients) of a whole step; running statistics move."""
        count = sum(len(as_list(part[1])[0]) for part in parts)
        first, total = 0, 0.0
        sums: Arrays = {}
        for part, factors in zip(parts, self.factors(parts), strict=True):
            batch = (part, factors, first, count)
            slopes = self.slope(*batch)
            loss, state = self.loss(self.weights, *batch)
            self.weights |= state
            total += loss
            sums = {n: sums[n] + g if n in sums else g for n, g in slopes.items()}
            first += len(as_list(part[1])[0])
        return total, sums

    def take(self, *parts: Part) -> float:
        """One optimizer step on some batches; its loss."""
        loss, gradients = self.gradients(parts)
        gradients = {n: gradients[n] for n in self.trained}
        bound, limit = self.training.clip_norm, self.training.clip_value
        if bound is not None:
            norm = np.sqrt(sum((g**2).sum() for g in gradients.values()))
            gradients = {
                n: g * min(1, bound / (norm + 1e-6)) for n, g in gradients.items()
            }
        if limit is not None:
            gradients = {n: np.clip(g, -limit, limit) for n, g in gradients.items()}
        self.step += 1
        for name, g in gradients.items():
            self.weights[name] = self.rule(name).define(
                self.weights[name], g, self.state[name], self.lr, self.step
            )
            if self.training.ema is not None:
                a, keep = self.average[name], self.training.ema
                self.average[name] = keep * a + (1 - keep) * self.weights[name]
        self.losses_seen.append(loss)
        self.rates.append(self.lr)
        return loss

    def rule(self, name: str) -> Any:
        """The optimizer as it treats a parameter: "kernels" spelt out by names. What
        LAMB and LARS leave out has no rate of its own either, which their rule knows."""
        o = self.optimizer
        if o.decay_on == "all" or o.type in ("LAMB", "LARS"):
            return o
        vector = name.endswith(".bias") or name.rpartition(".")[0] in self.norms
        decay = 0.0 if vector else o.weight_decay
        return dataclasses.replace(o, weight_decay=decay, decay_on="all")

    def fit(
        self,
        x: Any,
        y: Any,
        epochs: int,
        batch_size: int,
        w: Any = None,
        shuffle: bool = True,
        rate: Callable[[float], float] | None = None,
    ) -> list[float]:
        """Epochs over arrays, and each one's loss; ``rate`` gives the step's rate by
        epochs done."""
        count, group = len(as_list(y)[0]), self.training.accumulate
        losses = []
        for epoch in range(epochs):
            rows = order(self.seed, epoch, count) if shuffle else np.arange(count)
            cuts = [rows[i : i + batch_size] for i in range(0, count, batch_size)]
            groups = [cuts[i : i + group] for i in range(0, len(cuts), group)]
            losses.append(0.0)
            for index, cut in enumerate(groups):
                if rate is not None:
                    self.lr = rate(epoch + index / len(groups))
                parts = [
                    tuple(rows_of(a, c) for a in (x, y, *([] if w is None else [w])))
                    for c in cut
                ]
                share = sum(map(len, cut)) / count
                losses[-1] += self.take(*parts) * share
        return losses

    def training_state(self) -> Arrays:
        """As ``Model.training_state`` gives it."""
        found = {f"{n}/{k}": v for n in self.state for k, v in self.state[n].items()}
        if self.training.ema is not None:
            found |= {f"{n}/average": a for n, a in self.average.items()}
        return found

    def inference_weights(self) -> Arrays:
        """Averages where there are any."""
        return self.weights | (self.average if self.training.ema is not None else {})

    def predict(self, x: Any) -> Any:
        """Outputs, as ``Model.predict`` gives them."""
        known, _ = interpret(self.graph, self.inference_weights(), as_list(x))
        return as_one([known[name] for name in self.graph.outputs])


def rows_of(array: Any, rows: Any) -> Any:
    """Those samples of an array or of each array in a list."""
    return [a[rows] for a in array] if isinstance(array, list) else array[rows]
