"""The oracle of training: whole steps in NumPy, by the definitions.

Gradients come from the definitions by complex steps (``spec.complex_steps``). No
framework is involved. Each number of a weight takes a pass, so this is for tiny nets
only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from polyframe.contract.session import BEGAN
from polyframe.io.array import Array
from polyframe.model.compile import LossArgument
from polyframe.randomness import order
from polyframe.spec.complex_steps import STEP, Analytic
from polyframe.spec.interpreter import interpret
from polyframe.spec.losses import parse_losses
from polyframe.spec.model import ModelSpec
from polyframe.spec.optimizers import Optimizer
from polyframe.spec.sampling import draw, initial_weights
from polyframe.spec.settings import Training
from polyframe.spec.typed import flatten, with_fixed_statistics
from polyframe.train.arrays import as_list, as_one

Arrays = dict[str, Array]
Batch = Sequence[Any]
"""(x, y) or (x, y, sample weights)."""


class Trainer:
    """Whole steps on canonical weights; all attributes are public.

    ``frozen`` are the names of the layers that ``training.freeze`` freezes, ``thawed``
    of those that are trained after some epochs; ``multipliers`` are the parameters'
    factors of the learning rate and of the weight decay, where they are not 1.
    """

    def __init__(
        self,
        net: ModelSpec,
        loss: LossArgument,
        optimizer: Optimizer,
        training: Training | None = None,
        seed: int = 0,
        frozen: Sequence[str] = (),
        multipliers: Mapping[str, tuple[float, float]] | None = None,
        thawed: Mapping[int, Sequence[str]] | None = None,
    ) -> None:
        self.plain_graph, self.seed = net.infer({}), seed
        self.training = training or Training()
        self.multipliers, self.thawed = multipliers or {}, thawed or {}
        self.graph = self.plain_graph
        self.losses = parse_losses(loss, self.graph.outputs)
        self.optimizer = optimizer.resolve({})
        self.lr = self.optimizer.lr
        parameters = self.graph.parameters
        self.weights = initial_weights(parameters, seed, "float64")
        self.trainable = [n for n, p in parameters.items() if p.trainable]
        self.norms = {n.owner for n in self.graph.walk() if n.layer.type == "BatchNorm"}
        self.ema_weights: Arrays = {}
        self.initial = dict(self.weights)
        self.step = 0
        self.freeze(frozen)
        self.step_losses: list[float] = []
        self.rates: list[float] = []

    def freeze(self, frozen: Sequence[str]) -> None:
        """Train all layers but these from here on, with a new optimizer."""
        self.frozen, self.began = set(frozen), self.step
        fixed = frozen if self.training.freeze_statistics else ()
        self.graph = with_fixed_statistics(self.plain_graph, set(fixed))
        self.trained = [
            n for n in self.trainable if n.rpartition(".")[0] not in self.frozen
        ]
        self.state = {n: self.optimizer.start(self.weights[n]) for n in self.trained}
        for name in self.trained:
            self.ema_weights.setdefault(name, self.weights[name].copy())

    def begin_at(self, weights: Mapping[str, Array]) -> None:
        """Start from these weights instead of the initial ones."""
        self.weights = {n: w.astype(np.float64) for n, w in weights.items()}
        self.initial = dict(self.weights)
        self.ema_weights = {n: self.weights[n].copy() for n in self.trained}

    def draws(self, count: int, first: int) -> Arrays:
        """The random numbers of random layers for ``count`` samples of this step, beginning
        with number ``first``."""
        nodes = [n for n in flatten(self.graph).nodes if n.layer.random]
        return {
            n.path: draw(n.layer, n.in_shapes, (self.seed, "draw", self.step, n.path),
                         first, count, "float64")
            for n in nodes
        }  # fmt: skip

    def loss(
        self,
        weights: Arrays,
        batch: Batch,
        factors: Sequence[Array],
        first: int,
        count: int,
    ) -> tuple[Any, Arrays]:
        """One batch's share of a step's loss, and its new running statistics."""
        x, y = as_list(batch[0]), as_list(batch[1])
        outputs, state = interpret(
            self.graph, weights, x, training=True, draws=self.draws(len(x[0]), first)
        )
        total: Any = 0.0
        for loss, name, target, factor in zip(
            self.losses, self.graph.outputs, y, factors, strict=True
        ):
            values = loss.define(outputs[name], target)
            total = total + loss.loss_weight * (factor * values).sum() / count
        return total, state

    def batch_gradients(
        self, batch: Batch, factors: Sequence[Array], first: int, count: int
    ) -> Arrays:
        """The gradients of ``loss``, by a complex step in each parameter."""
        gradients: Arrays = {}
        analytic: Arrays = {
            n: w.astype(complex).view(Analytic) for n, w in self.weights.items()
        }
        for name in self.trainable:
            gradients[name] = np.zeros(self.weights[name].shape)
            for index in np.ndindex(gradients[name].shape):
                analytic[name][index] += 1j * STEP
                loss, _ = self.loss(analytic, batch, factors, first, count)
                gradients[name][index] = loss.imag / STEP
                analytic[name][index] -= 1j * STEP
        return gradients

    def factors(self, batches: Sequence[Batch]) -> list[list[Array]]:
        """Sample weights s, times N / Σ s·d for a loss that is a mean, or N for a sum:
        batch → output → (N,). ``loss`` divides by N, the samples of the step."""
        factors: list[list[Array]] = [[] for _ in batches]
        for index, loss in enumerate(self.losses):
            columns, shares = [], []
            for batch in batches:
                y = as_list(batch[1])[index]
                w = np.ones(len(y)) if len(batch) < 3 else np.asarray(batch[2], float)
                d = loss.denominator_weights(y)
                columns.append(w)
                shares.append(w if d is None else w * d)
            count = sum(map(len, columns))
            total = np.concatenate(shares).sum() if loss.reduction == "mean" else 1.0
            for row, w in zip(factors, columns, strict=True):
                row.append(w * count / total if total else w)
        return factors

    def gradients(self, batches: Sequence[Batch]) -> tuple[float, Arrays]:
        """(loss, gradients) of a whole step; updates the running statistics."""
        count = sum(len(as_list(batch[1])[0]) for batch in batches)
        first, total = 0, 0.0
        sums: Arrays = {}
        for batch, factors in zip(batches, self.factors(batches), strict=True):
            arguments = (batch, factors, first, count)
            gradients = self.batch_gradients(*arguments)
            loss, state = self.loss(self.weights, *arguments)
            self.weights |= state
            total += loss
            sums = {n: sums[n] + g if n in sums else g for n, g in gradients.items()}
            first += len(as_list(batch[1])[0])
        return total, sums

    def take(self, *batches: Batch) -> float:
        """One optimizer step on some batches; its loss."""
        loss, gradients = self.gradients(batches)
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
            rate, _ = self.multipliers.get(name, (1.0, 1.0))
            self.weights[name] = self.rule(name).define(
                self.weights[name], g, self.state[name], rate * self.lr,
                self.step - self.began,
            )  # fmt: skip
            if self.training.ema is not None:
                a, keep = self.ema_weights[name], self.training.ema
                self.ema_weights[name] = keep * a + (1 - keep) * self.weights[name]
        self.step_losses.append(loss)
        self.rates.append(self.lr)
        return loss

    def rule(self, name: str) -> Optimizer:
        """The optimizer for one parameter: its decay times its factor, and
        ``decay_on="kernels"`` is resolved by the parameter's name. LAMB and LARS resolve
        it themselves, since there it also concerns the learning rate."""
        o: Any = self.optimizer
        decay = self.multipliers.get(name, (1.0, 1.0))[1] * o.weight_decay
        if o.decay_on == "all" or o.type in ("LAMB", "LARS"):
            return self.decaying(decay, o.decay_on)
        vector = name.endswith(".bias") or name.rpartition(".")[0] in self.norms
        return self.decaying(0.0 if vector else decay, "all")

    def decaying(self, decay: float, decay_on: str) -> Optimizer:
        """The optimizer with that decay."""
        o: Any = self.optimizer
        rule: Optimizer = dataclasses.replace(o, weight_decay=decay, decay_on=decay_on)
        return rule

    def fit(
        self,
        x: Array | list[Array],
        y: Array | list[Array],
        epochs: int,
        batch_size: int,
        w: Array | None = None,
        shuffle: bool = True,
        rate: Callable[[float], float] | None = None,
        change: Callable[[Any, Any, int, int], tuple[Any, Any]] | None = None,
    ) -> list[float]:
        """Train some epochs; the loss of each. ``rate`` gives the learning rate of a step
        by the epochs done so far; ``change`` augments a batch: (x, y, step, the samples
        of the step before it) → (x, y)."""
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
                batches = [
                    tuple(rows_of(a, c) for a in (x, y, *([] if w is None else [w])))
                    for c in cut
                ]
                if change is not None:
                    starts = np.cumsum([0, *map(len, cut)])
                    batches = [
                        (*change(batch[0], batch[1], self.step, int(start)), *batch[2:])
                        for batch, start in zip(batches, starts, strict=False)
                    ]
                share = sum(map(len, cut)) / count
                losses[-1] += self.take(*batches) * share
            if epoch + 1 in self.thawed:
                self.freeze([n for n in self.frozen if n not in self.thawed[epoch + 1]])
        return losses

    def training_state(self) -> Arrays:
        """As ``Model.training_state`` gives it."""
        state = {f"{n}/{k}": v for n in self.state for k, v in self.state[n].items()}
        if self.training.ema is not None:
            averages = {n: self.ema_weights[n] for n in self.trained}
            state |= {f"{n}/average": a for n, a in averages.items()}
        if self.training.unfreeze:
            state[BEGAN] = np.array(divmod(self.began, 2**20), float)
        return state

    def inference_weights(self) -> Arrays:
        """The EMA of the weights if there is one, else the weights."""
        return self.weights | (
            self.ema_weights if self.training.ema is not None else {}
        )

    def predict(self, x: Array | list[Array]) -> Any:
        """Outputs, as ``Model.predict`` gives them."""
        outputs, _ = interpret(self.graph, self.inference_weights(), as_list(x))
        return as_one([outputs[name] for name in self.graph.outputs])


def rows_of(array: Array | list[Array], rows: Array) -> Array | list[Array]:
    """Some samples of an array, or of each array in a list."""
    return [a[rows] for a in array] if isinstance(array, list) else array[rows]
