"""A subject: a spec or recipe with all that is needed to train it on any backend, equally.

All numbers (weights, batches) are ones that float32 holds, so that a run in float32 and
one in float64 start from the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from polyframe.contract.backend import Backend
from polyframe.data.random_batches import batch, single
from polyframe.io.array import Array
from polyframe.model.compile import compile as compile_model
from polyframe.model.model import Model
from polyframe.randomness import generator
from polyframe.spec.losses import Losses, default_loss, parse_losses
from polyframe.spec.model import ModelSpec
from polyframe.spec.optimizers import SGD, Optimizer
from polyframe.spec.recipe import Recipe
from polyframe.spec.sampling import initial_weights
from polyframe.spec.settings import Training
from polyframe.spec.typed import TypedGraph
from polyframe.train.arrays import as_one

NUDGE = 4
"""Units in the last place by which a twin's initial weights are moved: a sum of some
hundred numbers taken in another order is off by about as many."""
COARSE = {"bfloat16": 2**16, "float16": 2**13}
"""Units of float32 in one unit of a precision, by which it may round a weight."""

Batch = tuple[Any, Any]
"""(x, y) as ``train_step`` takes them."""


@dataclass(frozen=True, eq=False)
class Subject:
    """What two backends are compared on.

    - ``loss``: None takes cross-entropy where every output is one number per class,
      else the mean squared error.
    - ``training``: the training settings; ``accumulate`` makes a step take that many
      batches. ``semantics``: "aligned", or "native" for each backend's own program.
    - ``batch_size``: samples of a batch; ``rate_change``: the step before which the
      learning rate is multiplied by 0.3 (None: never).
    """

    spec: ModelSpec
    loss: Any = None
    optimizer: Optimizer = field(default_factory=lambda: SGD(lr=3e-4, momentum=0.9))
    training: Training = field(default_factory=Training)
    semantics: str = "aligned"
    batch_size: int = 8
    seed: int = 0
    rate_change: int | None = None

    @cached_property
    def graph(self) -> TypedGraph:
        """The typed graph, aligned."""
        return self.spec.infer({})

    def defaults(self, backend: Backend) -> Mapping[str, Mapping[str, Any]]:
        """What a backend resolves UNSET fields to; what is not in it is aligned."""
        return backend.defaults if self.semantics == "native" else {}

    @cached_property
    def losses(self) -> Losses:
        """One loss for each output."""
        loss = self.loss
        if loss is None:
            loss = default_loss(self.graph.output_shapes)
        return parse_losses(loss, self.graph.outputs)

    @cached_property
    def weights(self) -> dict[str, Array]:
        """The initial weights, float64 arrays of numbers that float32 holds."""
        drawn = initial_weights(self.graph.parameters, self.seed, "float64")
        return {name: single(value) for name, value in drawn.items()}

    def nudged(self, dtype: str = "float64", number: int = 1) -> dict[str, Array]:
        """The initial weights, each moved by a few units in the last place of a dtype:
        as much as the sum that a layer takes is off by its rounding (``NUDGE``); with a
        ``precision``, which is for float32 only, by one unit of it. Each ``number``
        moves them another way."""
        precision = self.training.precision
        coarse = dtype == "float32" and precision is not None
        units = COARSE[str(precision)] if coarse else NUDGE
        moved = {}
        for name, value in self.weights.items():
            rng = generator(number, "nudge", name)
            sign = np.where(rng.random(value.shape) < 0.5, 1, -1)
            exact = value.astype(dtype)
            moved[name] = exact + (units * sign * np.spacing(exact)).astype(dtype)
        return moved

    def twin(self, dtype: str) -> Subject:
        """The subject whose distance from this one shows what a dtype's rounding grows
        to, if it starts at the nudged weights. Frameworks keep hyperparameters in
        float32 there (and 1 - 0.999 is 1.3e-5 off for it), so they are moved, too."""
        if dtype == "float64":
            return self
        o = self.optimizer
        moved: dict[str, Any] = {
            f.name: float(np.nextafter(np.float32(getattr(o, f.name)), np.float32(0)))
            for f in dataclasses.fields(o)
            if isinstance(getattr(o, f.name), float)
        }
        return dataclasses.replace(self, optimizer=dataclasses.replace(o, **moved))

    def model(
        self,
        backend: str | Backend,
        dtype: str = "float64",
        device: str = "cpu",
        optimize: bool = True,
        weights: Mapping[str, Array] | None = None,
    ) -> Model:
        """The subject on a backend, at the initial weights (or those given).

        In float64 nothing is computed in another precision: such a run shows what a
        ``precision`` rounds.
        """
        training = self.training
        if dtype != "float32":
            training = dataclasses.replace(training, precision=None)
        model = compile_model(
            self.spec, backend, list(self.losses), self.optimizer, dtype=dtype,
            device=device, seed=self.seed, semantics=self.semantics, optimize=optimize,
            **training.options(),
        )  # fmt: skip
        start = self.weights if weights is None else weights
        model.load_weights({n: w.astype(dtype) for n, w in start.items()})
        return model

    def batch(self, step: int, part: int = 0) -> Batch:
        """A batch of a step, (x, y): the first, or with ``accumulate`` a later one."""
        graph, number = self.graph, (step - 1) * self.training.accumulate + part + 1
        outputs = list(zip(graph.outputs, graph.output_shapes, strict=True))
        x, y = batch(graph.inputs, outputs, self.losses, self.batch_size, number)
        return as_one(x), as_one(y)

    def batches(self, step: int) -> list[Batch]:
        """All batches of a step."""
        return [self.batch(step, part) for part in range(self.training.accumulate)]

    def train_step(self, model: Model, step: int) -> float:
        """One step of a model on the batches of a step; the loss, their mean."""
        batches = self.batches(step)
        if len(batches) == 1:
            return float(model.train_step(*batches[0]))
        return float(model.fit(batches, epochs=1)["loss"][-1])

    def before(self, model: Model, step: int) -> None:
        """Do what comes before a step: change the learning rate."""
        if step == self.rate_change:
            model.learning_rate *= 0.3


def subject_of(
    spec: ModelSpec, recipe: Recipe | None = None, optimizer: Any = None, **options: Any
) -> Subject:
    """The subject of what a command was given; ``optimizer`` replaces the recipe's."""
    if recipe is not None:
        options = {
            "loss": recipe.loss, "optimizer": recipe.optimizer, "seed": recipe.seed,
            "training": recipe.training, "semantics": recipe.semantics,
        } | options  # fmt: skip
    if optimizer is not None:
        options["optimizer"] = Optimizer.parse(optimizer)
    return Subject(spec, **options)
