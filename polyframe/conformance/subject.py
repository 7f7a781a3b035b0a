"""A subject: a spec or recipe with all that is needed to train it on any backend, equally.

All weights and batches can be represented in float32, so that runs in float32 and in
float64 start from the same numbers.
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
from polyframe.spec.semantics import Semantics, own_defaults
from polyframe.spec.settings import Training
from polyframe.spec.typed import TypedGraph
from polyframe.train.arrays import as_one

NUDGE = 4
"""Units in the last place by which a twin's initial weights are moved: summing a
few hundred numbers in another order causes about such a difference."""
COARSE = {"bfloat16": 2**16, "float16": 2**13}
"""Units of float32 in one unit in the last place of a precision."""

Batch = tuple[Any, Any]
"""(x, y) as ``train_step`` takes them."""


def units_of(precision: str | None) -> int:
    """The units in the last place of the weights' dtype by which a twin is moved."""
    return NUDGE if precision is None else COARSE[precision]


def moved(
    weights: Mapping[str, Array], units: int, dtype: str, number: int = 1
) -> dict[str, Array]:
    """Weights, each moved by so many units in the last place of a dtype, in that dtype.
    The signs depend on ``number``."""
    result = {}
    for name, value in weights.items():
        rng = generator(number, "nudge", name)
        sign = np.where(rng.random(value.shape) < 0.5, 1, -1)
        exact = value.astype(dtype)
        result[name] = exact + (units * sign * np.spacing(exact)).astype(dtype)
    return result


def lowered(optimizer: Optimizer) -> Optimizer:
    """An optimizer whose numbers are each one unit of float32 closer to 0."""
    closer: dict[str, Any] = {
        f.name: float(
            np.nextafter(np.float32(getattr(optimizer, f.name)), np.float32(0))
        )
        for f in dataclasses.fields(optimizer)
        if isinstance(getattr(optimizer, f.name), float)
    }
    return dataclasses.replace(optimizer, **closer)


@dataclass(frozen=True, eq=False)
class Subject:
    """The model and the training on which backends are compared.

    - ``loss``: None means cross-entropy if every output is one number per class, of two
      or more, else the mean squared error.
    - ``training``: the training settings; ``accumulate`` makes a step take that many
      batches. ``semantics``: as in ``compile``, checked.
    - ``batch_size``: samples of a batch; ``rate_change``: the step before which the
      learning rate is multiplied by 0.3 (None: never).
    """

    spec: ModelSpec
    loss: Any = None
    optimizer: Optimizer = field(default_factory=lambda: SGD(lr=3e-4, momentum=0.9))
    training: Training = field(default_factory=Training)
    semantics: Semantics = "aligned"
    batch_size: int = 8
    seed: int = 0
    rate_change: int | None = None

    @cached_property
    def graph(self) -> TypedGraph:
        """The typed graph, aligned."""
        return self.spec.infer({})

    def defaults(self, backend: Backend) -> Mapping[str, Mapping[str, Any]]:
        """The values of UNSET fields on a backend; a field that is missing is aligned."""
        return own_defaults(backend.defaults, self.semantics)

    @cached_property
    def losses(self) -> Losses:
        """One loss for each output."""
        loss = self.loss
        if loss is None:
            loss = default_loss(self.graph.output_shapes)
        return parse_losses(loss, self.graph.outputs)

    @cached_property
    def weights(self) -> dict[str, Array]:
        """The initial weights, in float64, rounded to float32."""
        weights = initial_weights(self.graph.parameters, self.seed, "float64")
        return {name: single(value) for name, value in weights.items()}

    def nudged(self, dtype: str = "float64", number: int = 1) -> dict[str, Array]:
        """The initial weights, each moved by ``NUDGE`` units in the last place of a dtype,
        about as much as rounding changes the sums of a layer; with a ``precision``, which
        is for float32 only, by one unit of it. The signs depend on ``number``."""
        precision = self.training.precision if dtype == "float32" else None
        return moved(self.weights, units_of(precision), dtype, number)

    def twin(self, dtype: str) -> Subject:
        """The subject whose run from the nudged weights shows how much the rounding errors
        of a dtype grow. In float32 frameworks also store hyperparameters in float32 (then
        1 - 0.999 has an error of 1.3e-5), so those are moved by one unit as well."""
        if dtype == "float64":
            return self
        return dataclasses.replace(self, optimizer=lowered(self.optimizer))

    def model(
        self,
        backend: str | Backend,
        dtype: str = "float64",
        device: str = "cpu",
        optimize: bool = True,
        weights: Mapping[str, Array] | None = None,
    ) -> Model:
        """The subject on a backend, at the initial weights (or those given).

        A float64 run has no ``precision``: it is what runs with one are compared with.
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

    def batch(self, step: int, index: int = 0) -> Batch:
        """A batch of a step, (x, y): the first, or with ``accumulate`` a later one."""
        graph, number = self.graph, (step - 1) * self.training.accumulate + index + 1
        outputs = list(zip(graph.outputs, graph.output_shapes, strict=True))
        x, y = batch(graph.inputs, outputs, self.losses, self.batch_size, number)
        return as_one(x), as_one(y)

    def batches(self, step: int) -> list[Batch]:
        """All batches of a step."""
        return [self.batch(step, index) for index in range(self.training.accumulate)]

    def train_step(self, model: Model, step: int) -> float:
        """One step of a model on the batches of a step; the loss, their mean. With
        ``unfreeze`` it is an epoch, too."""
        batches = self.batches(step)
        if len(batches) == 1 and not self.training.unfreeze:
            return float(model.train_step(*batches[0]))
        return float(model.fit(batches, epochs=1, verbose=0)["loss"][-1])

    def before(self, model: Model, step: int) -> None:
        """Change the learning rate before step ``rate_change``."""
        if step == self.rate_change:
            model.learning_rate *= 0.3


def subject_of(
    spec: ModelSpec,
    recipe: Recipe | None = None,
    optimizer: Optimizer | str | Mapping[str, Any] | None = None,
) -> Subject:
    """The subject of a command's arguments; ``optimizer`` replaces the recipe's."""
    subject = Subject(spec)
    if recipe is not None:
        subject = Subject(
            spec, recipe.loss, recipe.optimizer, recipe.training, recipe.semantics,
            seed=recipe.seed,
        )  # fmt: skip
    if optimizer is None:
        return subject
    return dataclasses.replace(subject, optimizer=Optimizer.parse(optimizer))
