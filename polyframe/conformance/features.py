"""What a training has besides plain steps: modes, running statistics, random layers,
several outputs, accumulation, clipping, EMA, freezing.

Everything is compared with the oracle in NumPy, so no other backend is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from polyframe.conformance import rounding
from polyframe.conformance.cases import random_factors
from polyframe.conformance.feature_cases import (
    CASES,
    RANDOM,
    ROUNDED,
    STATISTICS,
    Case,
    can_train,
    norm_net,
    normed,
    random_net,
)
from polyframe.conformance.measurements import (
    BIT_EQUAL,
    FORWARD,
    STEPS,
    Measurement,
    compare_arrays,
    compare_named,
    distance,
)
from polyframe.conformance.oracle import Trainer
from polyframe.conformance.rounding import fitted, rounded_fit
from polyframe.conformance.suite import Check, precisions
from polyframe.contract.backend import Backend
from polyframe.model.compile import LossArgument
from polyframe.model.compile import compile as compile_model
from polyframe.model.model import Model
from polyframe.spec.interpreter import interpret
from polyframe.spec.model import ModelSpec
from polyframe.spec.optimizers import SGD, Optimizer
from polyframe.train.arrays import as_list

Measure = Callable[[Backend, str, str], Iterator[Measurement]]
"""A check of (backend, name of the case, device)."""
SIZES = (5, 9, 4)  # samples in each batch


def model_of(
    backend: Backend,
    net: ModelSpec,
    loss: LossArgument,
    optimizer: Optimizer,
    device: str,
) -> Model:
    """A model that trains in float64."""
    return compile_model(net, backend, loss, optimizer, dtype="float64", device=device)


def fit_results(backend: Backend, name: str, device: str) -> Iterator[Measurement]:
    """``fit`` with a last batch that is smaller than the others: losses, learning rates,
    weights, EMA, optimizer state and predictions, compared with the oracle."""
    case = CASES[name]
    trainer, losses = case.expected
    run = fitted(case, rounding.model_of(backend, case, device))
    model, history = run.model, run.history
    x, _, _ = case.samples()
    step_losses = [s.loss for s in run.steps]
    rates = [s.lr for s in run.steps]
    for what, numbers, oracle_numbers, bound in (
        ("losses of steps", step_losses, trainer.step_losses, STEPS),
        ("losses of epochs", history["loss"], losses, STEPS),
        ("learning rates", rates, trainer.rates, FORWARD),
    ):
        yield compare_arrays(what, name, backend, "", numbers, oracle_numbers, bound)
    for what, actual, expected in (
        ("weights", model.weights(), trainer.weights),
        ("EMA", model.inference_weights(), trainer.inference_weights()),
        ("state", model.training_state(), trainer.training_state()),
    ):
        yield from compare_named(what, name, backend, actual, expected, STEPS)
    pairs = zip(as_list(model.predict(x)), as_list(trainer.predict(x)), strict=True)
    for index, (a, b) in enumerate(pairs):
        yield compare_arrays("predictions", name, backend, f"output {index}", a, b)


def mode_outputs(backend: Backend, name: str, device: str) -> Iterator[Measurement]:
    """Outputs in training mode and in inference mode between steps, compared with the
    definition for the current weights; inspecting a model changes nothing."""
    model = model_of(backend, normed(), "cross_entropy", SGD(lr=0.1), device)
    x, y, _ = Case(normed).samples(9)
    for step in range(2):
        weights = model.weights()
        for training in (False, True):
            draws = random_factors(model, 9) if training else None
            expected, _ = interpret(
                model.graph, weights, [x], training=training, draws=draws
            )
            mode = "training" if training else "inference"
            for path, value in model.activations(x, training=training).items():
                error = distance(value, expected[path])
                detail = f"{mode}, step {step}, {path}"
                yield Measurement("nodes", name, backend.name, detail, error, FORWARD)
            if not training:
                error = distance(model.predict(x), expected[model.graph.outputs[0]])
                detail = f"step {step}"
                yield Measurement("predict", name, backend.name, detail, error, FORWARD)
        model.gradients(x, y)
        yield from compare_named(
            "weights after inspection",
            name,
            backend,
            model.weights(),
            weights,
            BIT_EQUAL,
        )
        model.train_step(x, y)


def running_statistics(
    backend: Backend, name: str, device: str
) -> Iterator[Measurement]:
    """Running statistics over batches of 5, 9 and 4 samples, with predictions between."""
    shape, norm = STATISTICS[name]
    model = model_of(backend, norm_net(shape, norm()), "mse", SGD(lr=0.0), device)
    expected, rng = model.weights(), np.random.default_rng(0)
    for size in SIZES:
        x, y = rng.normal(1, 2, size=(size, *shape)), rng.normal(size=(size, 2))
        expected |= interpret(model.graph, expected, [x], training=True)[1]
        model.train_step(x, y)
        outputs, _ = interpret(model.graph, expected, [x])
        error = distance(model.predict(x), outputs[model.graph.outputs[0]])
        detail = f"{name}, after {size} more"
        yield Measurement("predict", "BatchNorm", backend.name, detail, error, FORWARD)
    what = f"statistics of {name}"
    yield from compare_named(
        what, "BatchNorm", backend, model.weights(), expected, FORWARD
    )


def random_layer_outputs(
    backend: Backend, name: str, device: str
) -> Iterator[Measurement]:
    """A random layer uses polyframe's random numbers in training mode, other ones in each
    step, and none in inference mode; weights are compared with the oracle."""
    net, optimizer = random_net(RANDOM[name]()), SGD(lr=0.1)
    model = model_of(backend, net, "mse", optimizer, device)
    trainer = Trainer(net, "mse", optimizer)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 2, 2, 2)), rng.normal(size=(8, 2))
    for step in range(3):
        expected, _ = interpret(
            trainer.graph, trainer.weights, [x], training=True,
            draws=trainer.draws(8, 0),
        )  # fmt: skip
        actual = model.activations(x, training=True)["it"]
        yield compare_arrays(
            "training", name, backend, f"step {step}", actual, expected["it"]
        )
        inference = model.activations(x)
        yield compare_arrays(
            "inference", name, backend, "", inference["it"], inference["in"], BIT_EQUAL
        )
        model.train_step(x, y)
        trainer.take((x, y))
    yield from compare_named(
        "weights", name, backend, model.weights(), trainer.weights, STEPS
    )


def checks(backend: Backend, device: str) -> Iterator[Check]:
    """All checks whose layers, losses and optimizers the backend has."""

    def check(entry: str, what: str, measure: Measure, name: str) -> Check:
        return Check(
            "features", entry, what, "float64", device, backend.name,
            partial(measure, backend, name, device),
        )  # fmt: skip

    def rounded(name: str, precision: str | None) -> Check:
        return Check(
            "features", "fit", name, precision or "float32", device, backend.name,
            partial(rounded_fit, backend, CASES[name], name, device, precision),
        )  # fmt: skip

    for name, case in CASES.items():
        able = case.abilities <= backend.abilities
        if able and can_train(backend, case.net(), case.loss, case.optimizer.type):
            yield check("fit", name, fit_results, name)
            for precision in (None, *precisions(backend, device)):
                if name in (ROUNDED if precision is None else ROUNDED[-1:]):
                    yield rounded(name, precision)
    if can_train(backend, normed(), "cross_entropy"):
        yield check("modes", "training and inference", mode_outputs, "modes")
    for name, (shape, norm) in STATISTICS.items():
        if can_train(backend, norm_net(shape, norm())):
            yield check("BatchNorm", f"statistics, {name}", running_statistics, name)
    for name, make in RANDOM.items():
        if can_train(backend, random_net(make())):
            yield check(name, "random numbers", random_layer_outputs, name)
