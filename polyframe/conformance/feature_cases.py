"""The trainings that family ``features`` checks: small nets, and cases around them.

The nets have few parameters, since the oracle takes two passes for each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from typing import Any

import numpy as np

from polyframe.compiler.table import Target, View, choose, covers
from polyframe.conformance.oracle import Trainer
from polyframe.conformance.rules import rules
from polyframe.conformance.subject import lowered, moved, units_of
from polyframe.contract.backend import Backend
from polyframe.data import augment, resolve
from polyframe.io.array import Array
from polyframe.model.compile import LossArgument, training_of
from polyframe.spec.augmentations import Augmentation
from polyframe.spec.graph import Input
from polyframe.spec.layers import (
    BatchNorm,
    Concat,
    Conv2D,
    Dense,
    Dropout,
    DropPath,
    Flatten,
    GaussianNoise,
    ReLU,
    SpatialDropout2D,
    Tanh,
)
from polyframe.spec.layers.base import Layer, Shape
from polyframe.spec.losses import MSE, Losses, parse_losses
from polyframe.spec.model import ModelSpec, Sequential
from polyframe.spec.optimizers import SGD, Adam, Optimizer
from polyframe.spec.schedules import ExponentialSchedule
from polyframe.spec.settings import TrainingOptions
from polyframe.train.arrays import as_one

# --- nets ------------------------------------------------------------------------------


def plain() -> ModelSpec:
    """A convolution and dense layers, and nothing random."""
    return Sequential(
        [
            Conv2D(2, 2, name="conv"), ReLU(name="relu1"), Flatten(name="flatten"),
            Dense(4, name="fc1"), ReLU(name="relu2"), Dense(3, name="fc2"),
        ],
        (1, 3, 3), name="plain",
    )  # fmt: skip


def normed(activation: type[Layer] = ReLU) -> ModelSpec:
    """Two batch norms before dropout: one that inference can fold into a convolution and
    one that it cannot. There is no bias before the norm, since its gradient would be 0
    but for rounding errors. So is that of the first norm's scale as long as its shift is
    0, unless there is another ``activation``: ReLU(a·x) is a·ReLU(x)."""
    return Sequential(
        [
            Conv2D(2, 2, bias=False, name="conv"), BatchNorm(name="bn"),
            activation(name=activation.short), BatchNorm(name="bn2"),
            Flatten(name="flatten"), Dropout(0.4, name="drop"), Dense(3, name="fc"),
        ],
        (1, 3, 3), name="normed",
    )  # fmt: skip


def several() -> ModelSpec:
    """Two inputs into a shared layer, two outputs."""
    a, b = Input((3,), name="a"), Input((3,), name="b")
    shared = Dense(2, name="shared")
    both = Concat(name="both")(shared(a), shared(b))
    return ModelSpec(
        [a, b],
        [Dense(3, name="one")(both), Dense(2, name="other")(both)],
        name="several",
    )


def pixels() -> ModelSpec:
    """A class for each pixel."""
    return Sequential([Conv2D(3, 2, name="conv")], (2, 4, 3), name="pixels")


def norm_net(shape: Shape, norm: BatchNorm) -> ModelSpec:
    """A batch norm after a layer with the same number of channels."""
    front = Dense(6, name="in") if len(shape) == 1 else Conv2D(3, 1, name="in")
    layers: list[Layer] = [front, norm, Flatten(name="flatten"), Dense(2, name="out")]
    return Sequential(layers, shape, name="norms")


def random_net(layer: Layer) -> ModelSpec:
    """A random layer between two with weights."""
    layers = [
        Conv2D(5, 1, name="in"), layer, Flatten(name="flatten"), Dense(2, name="out")
    ]  # fmt: skip
    return Sequential(layers, (2, 2, 2), name="random")


RANDOM: dict[str, Callable[[], Layer]] = {
    "Dropout": lambda: Dropout(0.4, name="it"),
    "SpatialDropout2D": lambda: SpatialDropout2D(0.4, name="it"),
    "DropPath": lambda: DropPath(0.4, name="it"),
    "GaussianNoise": lambda: GaussianNoise(0.5, name="it"),
}
"""Every random layer of the catalogue, with values that are not its defaults."""
STATISTICS: dict[str, tuple[Shape, Callable[[], BatchNorm]]] = {
    f"{name}, {text}": (shape, norm)
    for name, shape in (("vectors", (6,)), ("images", (3, 4, 5)))
    for text, norm in (
        ("defaults", partial(BatchNorm, name="bn")),
        ("momentum 0.3", partial(BatchNorm, name="bn", momentum=0.3)),
        ("biased", partial(BatchNorm, name="bn", unbiased=False)),
    )
}
"""Batch norms, and the shape of a sample that each is checked on."""


# --- cases -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Case:
    """A training with ``fit``: the arguments of ``compile``. The learning rate is
    multiplied by ``decay`` after each epoch; ``frozen`` are the names of the layers that
    ``options["freeze"]`` freezes, ``thawed`` of those that ``options["unfreeze"]`` trains
    after some epochs; ``factors`` are what the multipliers in ``options`` say for
    parameters."""

    net: Callable[[], ModelSpec] = plain
    loss: LossArgument = "cross_entropy"
    optimizer: Optimizer = field(default_factory=lambda: SGD(lr=0.1, momentum=0.8))
    options: TrainingOptions = field(default_factory=TrainingOptions)
    decay: float | None = None
    frozen: tuple[str, ...] = ()
    factors: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    thawed: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    weighted: bool = False
    augmentation: tuple[Augmentation, ...] = ()
    epochs: int = 1
    batch_size: int = 3

    @property
    def abilities(self) -> set[str]:
        """What a backend has to state for it, besides that it trains."""
        training, graph = training_of(self.options), self.net().infer({})
        fixed = bool(training.fixed(graph.parameters))
        needed = {"parameter_groups": training.multiplies, "frozen_statistics": fixed}
        return {ability for ability, asked in needed.items() if asked}

    @property
    def losses(self) -> Losses:
        """One for each output."""
        return parse_losses(self.loss, self.net().infer({}).outputs)

    def samples(self, count: int = 14) -> tuple[Any, Any, Array | None]:
        """(x, y, sample weights); 14 is not divisible by the batch size."""
        graph, rng = self.net().infer({}), np.random.default_rng(0)
        x = [rng.normal(size=(count, *shape)) for shape in graph.input_shapes]
        y = [
            rng.integers(0, shape[0], (count, *shape[1:]))
            if loss.labels
            else rng.normal(size=(count, *shape))
            for loss, shape in zip(self.losses, graph.output_shapes, strict=True)
        ]
        weights = rng.uniform(0.1, 2.0, count) if self.weighted else None
        return as_one(x), as_one(y), weights

    @cached_property
    def expected(self) -> tuple[Trainer, list[float]]:
        """The oracle after its last step, and each epoch's loss."""
        return self.trained(0)

    @cache  # noqa: B019 - there are as many as cases
    def twin(self, precision: str | None) -> tuple[Trainer, list[float]]:
        """The same from weights that are moved by as much as rounding in float32, or in
        the precision, moves the sums of a layer."""
        return self.trained(units_of(precision))

    def trained(self, units: int) -> tuple[Trainer, list[float]]:
        """The oracle's run from weights that are moved by so many units of float32."""
        trainer = Trainer(
            self.net(), self.loss, lowered(self.optimizer) if units else self.optimizer,
            training_of(self.options), frozen=self.frozen, multipliers=self.factors,
            thawed=self.thawed,
        )  # fmt: skip
        if units:
            trainer.begin_at(moved(trainer.weights, units, "float32"))
        x, y, weights = self.samples()
        decay, lr = 1.0 if self.decay is None else self.decay, trainer.lr
        losses = trainer.fit(
            x, y, self.epochs, self.batch_size, weights,
            rate=lambda at: lr * decay ** int(at), change=self.change,
        )  # fmt: skip
        return trainer, losses

    @property
    def change(self) -> Callable[[Array, Array, int, int], tuple[Array, Array]] | None:
        """The augmentation of a batch of one input and one target: (x, y, step, the
        samples of the step before it) → (x, y)."""
        if not self.augmentation:
            return None
        x, _, _ = self.samples()
        ops, (loss,) = resolve(self.augmentation, x), self.losses
        classes = self.net().infer({}).output_shapes[0][0] if loss.labels else None

        def change(x: Array, y: Array, step: int, first: int) -> tuple[Array, Array]:
            return augment(ops, x, y, 0, step, first, classes, loss.ignored_label)

        return change

    @property
    def schedule(self) -> ExponentialSchedule | None:
        """The schedule of the learning rate; None where it is constant."""
        if self.decay is None:
            return None
        return ExponentialSchedule(gamma=self.decay)


ALL: TrainingOptions = {
    "accumulate": 2,
    "clip_norm": 0.05,
    "ema": 0.7,
    "freeze": ("fc1",),
}
MULTIPLIERS: TrainingOptions = {
    "learning_rate_multipliers": {"*": 0.5, "fc?.weight": 2.0, "conv": 0.25},
    "weight_decay_multipliers": {"*.bias": 0.0, "fc1.weight": 3.0},
}
FACTORS = {
    "conv.weight": (0.25, 1.0), "conv.bias": (0.25, 0.0), "fc1.weight": (2.0, 3.0),
    "fc1.bias": (0.5, 0.0), "fc2.weight": (2.0, 1.0), "fc2.bias": (0.5, 0.0),
}  # fmt: skip
"""What ``MULTIPLIERS`` says for the parameters of ``plain``."""
CASES: dict[str, Case] = {
    "plain": Case(epochs=2),
    "learning rate that changes": Case(epochs=2, decay=0.3),
    "accumulate": Case(options={"accumulate": 2}),
    "accumulate, random": Case(normed, options={"accumulate": 2}),
    "clip_norm": Case(options={"clip_norm": 0.1}),
    "clip_value": Case(options={"clip_value": 0.02}),
    "ema": Case(normed, options={"ema": 0.7}),
    "freeze": Case(options={"freeze": ("conv",)}, frozen=("conv",)),
    "freeze, norm": Case(normed, options={"freeze": ("bn",)}, frozen=("bn",)),
    "freeze, but the statistics": Case(
        normed, options={"freeze": ("bn",), "freeze_statistics": False}, frozen=("bn",)
    ),
    "unfreeze": Case(
        partial(normed, Tanh),
        optimizer=Adam(lr=1e-2),
        frozen=("conv", "bn", "bn2"),
        epochs=4,
        options={"freeze": ("conv", "bn*"), "unfreeze": {"*": 3, "bn*": 1}, "ema": 0.7},
        thawed={1: ("bn", "bn2"), 3: ("conv",)},
        batch_size=5,
    ),
    "sample weights": Case(weighted=True, options={"accumulate": 2}),
    "all together": Case(optimizer=Adam(lr=1e-2), options=ALL, frozen=("fc1",)),
    "several inputs and outputs": Case(
        several, [{"type": "cross_entropy", "loss_weight": 0.3}, MSE()], batch_size=5
    ),
    "loss for each pixel": Case(pixels, batch_size=5),
    **{
        f"multipliers, {rule.type}": Case(
            optimizer=rule, options=MULTIPLIERS, factors=FACTORS, batch_size=5
        )
        for rule in rules().values()
        if rule.weight_decay  # the last of each type is taken
    },
    **{
        f"accumulate, {rule.type}": Case(optimizer=rule, options={"accumulate": 2})
        for rule in rules().values()
        if rule.weight_decay  # the last of each type is taken
    },
}

ROUNDED = (
    "sample weights",
    "ema",
    "several inputs and outputs",
    "loss for each pixel",
    "all together",
)
"""The cases that are checked in float32, too; in each precision, the last alone."""


def can_train(
    backend: Backend, net: ModelSpec, loss: LossArgument = "mse", optimizer: str = "SGD"
) -> bool:
    """Whether a backend has all that a training needs; family ``gaps`` checks that what
    is missing is declared."""
    graph = net.infer({})
    table, target = backend.entries, Target("float64")
    losses = parse_losses(loss, graph.outputs)
    if not covers(table, optimizer, *(one.type for one in losses)):
        return False
    views = (View(node, target) for node in graph.walk())
    return not any(isinstance(choose(table, view), str) for view in views)
