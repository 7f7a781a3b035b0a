"""What a training does besides plain steps: modes, running statistics, draws, several
outputs, accumulation, clipping, averages, freezing.

All of it is held against the oracle in NumPy, so no other backend is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import numpy as np

from polyframe.compiler.table import Target, View, choose, covers
from polyframe.conformance.cases import drawn
from polyframe.conformance.figures import BIT_EQUAL, FORWARD, STEPS, Figure, distance
from polyframe.conformance.oracle import Trainer
from polyframe.conformance.rules import rules
from polyframe.conformance.suite import Check
from polyframe.contract.backend import Backend
from polyframe.io.array import Array
from polyframe.model.compile import compile as compile_model
from polyframe.model.model import Model
from polyframe.spec.graph import Input
from polyframe.spec.interpreter import interpret
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
)
from polyframe.spec.losses import MSE, parse_losses
from polyframe.spec.model import ModelSpec, Sequential
from polyframe.spec.optimizers import SGD, Adam, Optimizer
from polyframe.spec.schedules import ExponentialSchedule
from polyframe.spec.settings import Training
from polyframe.train.arrays import as_list, as_one
from polyframe.train.callbacks.base import Callback

SIZES = (5, 9, 4)  # samples of batches, uneven


# --- nets: few numbers, since the oracle takes two passes for each ---------------------


def plain() -> ModelSpec:
    """One of each that has weights, and nothing random."""
    return Sequential(
        [
            Conv2D(2, 2, name="conv"), ReLU(name="relu1"), Flatten(name="flatten"),
            Dense(4, name="fc1"), ReLU(name="relu2"), Dense(3, name="fc2"),
        ],
        (1, 3, 3), name="plain",
    )  # fmt: skip


def normed() -> ModelSpec:
    """Batch norms, one that inference can fold into a convolution and one that it cannot,
    in front of dropout. No bias before the norm: its gradient is 0, and rounding makes
    of it what it likes."""
    return Sequential(
        [
            Conv2D(2, 2, bias=False, name="conv"), BatchNorm(name="bn"),
            ReLU(name="relu"), BatchNorm(name="bn2"), Flatten(name="flatten"),
            Dropout(0.4, name="drop"), Dense(3, name="fc"),
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


def norms(shape: tuple[int, ...], **options: Any) -> ModelSpec:
    """A batch norm behind something that has its number of channels."""
    front: Any = Dense(6, name="in") if len(shape) == 1 else Conv2D(3, 1, name="in")
    layers = [
        front, BatchNorm(name="bn", **options), Flatten(name="flatten"),
        Dense(2, name="out"),
    ]  # fmt: skip
    return Sequential(layers, shape, name="norms")


def random_layer(layer: Any) -> ModelSpec:
    """A random layer between two with weights."""
    layers = [
        Conv2D(5, 1, name="in"), layer, Flatten(name="flatten"), Dense(2, name="out")
    ]  # fmt: skip
    return Sequential(layers, (2, 2, 2), name="random")


RANDOM = {
    "Dropout": lambda: Dropout(0.4, name="it"),
    "SpatialDropout2D": lambda: SpatialDropout2D(0.4, name="it"),
    "DropPath": lambda: DropPath(0.4, name="it"),
    "GaussianNoise": lambda: GaussianNoise(0.5, name="it"),
}
"""Every random layer of the catalogue, away from its defaults."""
STATISTICS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    f"{name}, {text}": (shape, options)
    for name, shape in (("vectors", (6,)), ("images", (3, 4, 5)))
    for text, options in (
        ("defaults", {}),
        ("momentum 0.3", {"momentum": 0.3}),
        ("biased", {"unbiased": False}),
    )
}


@dataclass(frozen=True, eq=False)
class Case:
    """A training with ``fit``, as ``compile`` is told of it; ``decay`` is the factor of
    the rate for each epoch done, ``frozen`` are the layers that ``freeze`` means."""

    net: Any = plain
    loss: Any = "cross_entropy"
    optimizer: Optimizer = field(default_factory=lambda: SGD(lr=0.1, momentum=0.8))
    options: Mapping[str, Any] = field(default_factory=dict)
    decay: float | None = None
    frozen: tuple[str, ...] = ()
    weighted: bool = False
    epochs: int = 1
    batch_size: int = 3

    @property
    def losses(self) -> tuple[Any, ...]:
        """One for each output."""
        return parse_losses(self.loss, self.net().infer({}).outputs)

    def samples(self, count: int = 14) -> tuple[Any, Any, Any]:
        """(x, y, weights of samples); 14 are not divisible by the size of a batch."""
        graph, rng = self.net().infer({}), np.random.default_rng(0)
        x = [rng.normal(size=(count, *shape)) for _, shape in graph.inputs]
        y = [
            rng.integers(0, shape[0], (count, *shape[1:]))
            if loss.labels
            else rng.normal(size=(count, *shape))
            for loss, shape in zip(self.losses, graph.output_shapes, strict=True)
        ]
        weights = rng.uniform(0.1, 2.0, count) if self.weighted else None
        return as_one(x), as_one(y), weights

    @cache  # noqa: B019 - as many as there are cases
    def expected(self) -> tuple[Trainer, list[float]]:
        """The oracle behind its last step, and each epoch's loss."""
        trainer = Trainer(
            self.net(), self.loss, self.optimizer, Training(**self.options),
            frozen=self.frozen,
        )  # fmt: skip
        x, y, weights = self.samples()
        decay, lr = 1.0 if self.decay is None else self.decay, trainer.lr
        losses = trainer.fit(
            x, y, self.epochs, self.batch_size, weights,
            rate=lambda at: lr * decay ** int(at),
        )  # fmt: skip
        return trainer, losses

    @property
    def schedule(self) -> Any:
        """What ``compile`` is told of the rate."""
        if self.decay is None:
            return None
        return ExponentialSchedule(gamma=self.decay)


ALL = {"accumulate": 2, "clip_norm": 0.05, "ema": 0.7, "freeze": ("fc1",)}
CASES: dict[str, Case] = {
    "plain": Case(epochs=2),
    "a rate that changes": Case(epochs=2, decay=0.3),
    "accumulate": Case(options={"accumulate": 2}),
    "accumulate, random": Case(normed, options={"accumulate": 2}),
    "clip_norm": Case(options={"clip_norm": 0.1}),
    "clip_value": Case(options={"clip_value": 0.02}),
    "ema": Case(normed, options={"ema": 0.7}),
    "freeze": Case(options={"freeze": ("conv",)}, frozen=("conv",)),
    "freeze, norm": Case(normed, options={"freeze": ("bn",)}, frozen=("bn",)),
    "weights of samples": Case(weighted=True, options={"accumulate": 2}),
    "all together": Case(optimizer=Adam(lr=1e-2), options=ALL, frozen=("fc1",)),
    "several inputs and outputs": Case(
        several, [{"type": "cross_entropy", "loss_weight": 0.3}, MSE()], batch_size=5
    ),
    "a loss of pixels": Case(pixels, batch_size=5),
    **{
        f"accumulate, {rule.type}": Case(optimizer=rule, options={"accumulate": 2})
        for rule in rules().values()
        if rule.weight_decay  # the last one of each type
    },
}


class Seen(Callback):
    """Keeps every step that the loop tells of."""

    tolerates_delay = True

    def __init__(self) -> None:
        self.steps: list[Any] = []

    def on_step_end(self, model: Any, step: Any) -> None:
        """One more."""
        self.steps.append(step)


# --- checks ----------------------------------------------------------------------------


def model_of(
    backend: Backend,
    net: ModelSpec,
    loss: Any,
    optimizer: Optimizer,
    device: str,
    **options: Any,
) -> Model:
    """A model that trains in float64."""
    return compile_model(
        net, backend, loss, optimizer, dtype="float64", device=device, **options
    )


def trained(backend: Backend, name: str, device: str) -> Iterator[Figure]:
    """``fit`` over a number of samples that the size of a batch does not divide: every
    loss, rate, weight, average and state, and predictions, are the oracle's."""
    case = CASES[name]
    trainer, losses = case.expected()
    model = model_of(
        backend,
        case.net(),
        case.loss,
        case.optimizer,
        device,
        schedule=case.schedule,
        **case.options,
    )
    x, y, weights = case.samples()
    seen = Seen()
    history = model.fit(
        x, y, epochs=case.epochs, batch_size=case.batch_size, callbacks=[seen],
        sample_weight=weights,
    )  # fmt: skip
    found = [s.loss for s in seen.steps]
    yield figure("losses of steps", name, backend, "", found, trainer.losses_seen)
    yield figure("losses of epochs", name, backend, "", history["loss"], losses)
    yield figure(
        "rates", name, backend, "", [s.lr for s in seen.steps], trainer.rates, FORWARD
    )
    for what, mine, wanted in (
        ("weights", model.weights(), trainer.weights),
        ("averages", model.inference_weights(), trainer.inference_weights()),
        ("state", model.training_state(), trainer.training_state()),
    ):
        yield from mapped(what, name, backend, mine, wanted, STEPS)
    outputs = as_list(trainer.predict(x))
    for place, (a, b) in enumerate(
        zip(as_list(model.predict(x)), outputs, strict=True)
    ):
        yield figure("predictions", name, backend, f"output {place}", a, b)


def modes(backend: Backend, name: str, device: str) -> Iterator[Figure]:
    """Between steps: what training mode and inference mode compute is the definition's
    at the weights of the moment, and looking changes nothing."""
    model = model_of(backend, normed(), "cross_entropy", SGD(lr=0.1), device)
    x, y, _ = Case(normed).samples(9)
    for step in range(2):
        before = model.weights()
        for training in (False, True):
            draws = drawn(model, 9) if training else None
            wanted, _ = interpret(
                model.graph, before, [x], training=training, draws=draws
            )
            mode = "training" if training else "inference"
            for path, value in model.activations(x, training=training).items():
                off = distance(value, wanted[path])
                detail = f"{mode}, step {step}, {path}"
                yield Figure("nodes", name, backend.name, detail, off, FORWARD)
            if not training:
                off = distance(model.predict(x), wanted[model.graph.outputs[0]])
                detail = f"step {step}"
                yield Figure("predict", name, backend.name, detail, off, FORWARD)
        model.gradients(x, y)
        yield from mapped(
            "weights after looking", name, backend, model.weights(), before, BIT_EQUAL
        )
        model.train_step(x, y)


def statistics(backend: Backend, name: str, device: str) -> Iterator[Figure]:
    """Running statistics over batches of 5, 9 and 4 samples, with inference between."""
    shape, options = STATISTICS[name]
    model = model_of(backend, norms(shape, **options), "mse", SGD(lr=0.0), device)
    wanted, rng = model.weights(), np.random.default_rng(0)
    for size in SIZES:
        x, y = rng.normal(1, 2, size=(size, *shape)), rng.normal(size=(size, 2))
        wanted |= interpret(model.graph, wanted, [x], training=True)[1]
        model.train_step(x, y)
        known, _ = interpret(model.graph, wanted, [x])
        off = distance(model.predict(x), known[model.graph.outputs[0]])
        detail = f"{name}, after {size} more"
        yield Figure("predict", "BatchNorm", backend.name, detail, off, FORWARD)
    what = f"statistics of {name}"
    yield from mapped(what, "BatchNorm", backend, model.weights(), wanted, FORWARD)


def draws(backend: Backend, name: str, device: str) -> Iterator[Figure]:
    """A random layer takes the factors that polyframe has drawn, other ones each step,
    and nothing in inference mode; the oracle's weights follow from them."""
    net, optimizer = random_layer(RANDOM[name]()), SGD(lr=0.1)
    model = model_of(backend, net, "mse", optimizer, device)
    trainer = Trainer(net, "mse", optimizer)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 2, 2, 2)), rng.normal(size=(8, 2))
    for step in range(3):
        known, _ = interpret(
            trainer.graph, trainer.weights, [x], training=True,
            draws=trainer.draws(8, 0),
        )  # fmt: skip
        seen = model.activations(x, training=True)["it"]
        yield figure("drawn", name, backend, f"step {step}", seen, known["it"])
        calm = model.activations(x)
        yield figure("inference", name, backend, "", calm["it"], calm["in"], BIT_EQUAL)
        model.train_step(x, y)
        trainer.take((x, y))
    yield from mapped("weights", name, backend, model.weights(), trainer.weights, STEPS)


def figure(
    what: str,
    entry: str,
    backend: Backend,
    detail: str,
    found: Any,
    wanted: Any,
    bound: Any = STEPS,
) -> Figure:
    """How far one array is from another."""
    return Figure(what, entry, backend.name, detail, distance(found, wanted), bound)


def mapped(
    what: str,
    entry: str,
    backend: Backend,
    found: Mapping[str, Array],
    wanted: Mapping[str, Array],
    bound: Any,
) -> Iterator[Figure]:
    """The same for arrays by name; a name on one side only is infinitely far away."""
    for key in sorted({*found, *wanted}):
        if key in found and key in wanted:
            yield figure(what, entry, backend, key, found[key], wanted[key], bound)
        else:
            detail = f"{key} is on one side only"
            yield Figure(what, entry, backend.name, detail, float("inf"), bound)


def writes(
    backend: Backend, net: ModelSpec, loss: Any = "mse", optimizer: str = "SGD"
) -> bool:
    """Whether a backend has all that a training needs; family ``gaps`` sees to it that
    what it lacks is declared."""
    graph = net.infer({})
    table, target = backend.entries, Target("float64")
    words = [optimizer, *(one.type for one in parse_losses(loss, graph.outputs))]
    if not covers(table, *words):
        return False
    views = (View(node, target) for node in graph.walk())
    return not any(isinstance(choose(table, view), str) for view in views)


def checks(backend: Backend, device: str) -> Iterator[Check]:
    """All of them, but for what needs a layer, loss or optimizer that is not there."""

    def check(entry: str, what: str, measure: Any, name: str) -> Check:
        return Check(
            "features", entry, what, "float64", device, backend.name,
            partial(measure, backend, name, device),
        )  # fmt: skip

    for name, case in CASES.items():
        if writes(backend, case.net(), case.loss, case.optimizer.type):
            yield check("fit", name, trained, name)
    if writes(backend, normed(), "cross_entropy"):
        yield check("modes", "training and inference", modes, "modes")
    for name, (shape, options) in STATISTICS.items():
        if writes(backend, norms(shape, **options)):
            yield check("BatchNorm", f"statistics, {name}", statistics, name)
    for name, make in RANDOM.items():
        if writes(backend, random_layer(make())):
            yield check(name, "draws", draws, name)
