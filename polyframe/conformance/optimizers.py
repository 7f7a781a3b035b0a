"""Optimizers: their steps, compared with the update rule in NumPy.

The rule updates its own copy of the weights with the gradients that the backend computes
in the same step; families ``layers`` and ``losses`` compare those with the definitions.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from polyframe.compiler.table import OptimizerView, Target
from polyframe.conformance.measurements import (
    BIT_EQUAL,
    FLOAT32,
    STEPS,
    Measurement,
    distance,
)
from polyframe.conformance.rules import rules
from polyframe.conformance.suite import Check
from polyframe.contract.backend import Backend
from polyframe.io.array import Array
from polyframe.model.compile import compile as compile_model
from polyframe.model.model import Model
from polyframe.spec.layers import Dense, ReLU
from polyframe.spec.model import Sequential
from polyframe.spec.optimizers import Optimizer

COUNT, CHANGE, SAVED, SLOWER = 50, 25, 20, 0.3
SHORT = 8  # steps in float32
Arrays = dict[str, Array]


def model_of(
    backend: Backend,
    rule: Optimizer,
    form: str,
    dtype: str,
    device: str,
    weights: Arrays | None,
) -> Model:
    """A small net; one of its biases starts at 0."""
    layers = [
        Dense(5, name="fc1"), ReLU(name="relu"), Dense(3, bias_init="zeros", name="fc2"),
    ]  # fmt: skip
    net = Sequential(layers, (4,), name="small")
    model = compile_model(
        net, backend, "cross_entropy", rule, dtype=dtype, device=device, seed=3,
        forms={rule.type: form},
    )  # fmt: skip
    if weights is not None:
        model.load_weights(weights)
    return model


def samples(dtype: str = "float64") -> tuple[Array, Array]:
    """The batch (x, y) of every step."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(8, 4)).astype(dtype), rng.integers(0, 3, 8)


class ReferenceOptimizer:
    """The update rule in NumPy, with its own weights and state in a dtype."""

    def __init__(self, rule: Optimizer, weights: Arrays, dtype: str) -> None:
        self.rule = rule.resolve({})
        self.dtype, self.lr, self.step = dtype, self.rule.lr, 0
        self.weights = {n: w.astype(dtype) for n, w in weights.items()}
        self.states = {n: self.rule.start(w) for n, w in self.weights.items()}

    def update(self, gradients: Arrays) -> None:
        """Take a step with these gradients."""
        self.step += 1
        for name, weight in self.weights.items():
            gradient = gradients[name].astype(self.dtype)
            self.weights[name] = self.rule.define(
                weight, gradient, self.states[name], self.lr, self.step
            )

    @property
    def state(self) -> Arrays:
        """The state by its canonical names."""
        return {
            f"{name}/{key}": value
            for name, state in self.states.items()
            for key, value in state.items()
        }


def fifty_steps(
    backend: Backend, name: str, form: str, device: str
) -> Iterator[Measurement]:
    """50 steps, in which the learning rate changes halfway; then again from the state saved
    before step 20."""
    rule = rules()[name]
    model = model_of(backend, rule, form, "float64", device, None)
    reference = ReferenceOptimizer(rule, model.weights(), "float64")
    saved: tuple[Arrays, Arrays] = {}, {}
    for step in range(COUNT):
        if step == SAVED:
            saved = model.weights(), model.training_state()
        if step == CHANGE:
            model.learning_rate *= SLOWER
            reference.lr *= SLOWER
        reference.update(model.gradients(*samples()))
        model.train_step(*samples())
    condition = f"{form}, {name}"
    yield from compare_with_rule(model, reference, condition, backend)
    fresh = model_of(backend, rule, form, "float64", device, saved[0])
    fresh.load_training_state(saved[1], SAVED, 0)
    reloaded = fresh.training_state()
    for key, value in saved[1].items():
        detail, error = f"{condition}, {key}", distance(reloaded.get(key, ()), value)
        yield Measurement(
            "state loaded, and read again",
            rule.type,
            backend.name,
            detail,
            error,
            BIT_EQUAL,
        )
    for step in range(SAVED, COUNT):
        if step == CHANGE:
            fresh.learning_rate *= SLOWER
        fresh.train_step(*samples())
    yield from compare_with_rule(
        fresh, reference, f"{condition}, from step {SAVED}", backend
    )


def compare_with_rule(
    model: Model, reference: ReferenceOptimizer, detail: str, backend: Backend
) -> Iterator[Measurement]:
    """Weights and state, compared with those of the rule."""
    for what, actual, expected in (
        ("weights after 50 steps", model.weights(), reference.weights),
        ("state after 50 steps", model.training_state(), reference.state),
    ):
        names = set(actual) ^ set(expected)
        for key in sorted(names):
            place = f"{detail}, {key} is missing on one side"
            yield Measurement(
                what, reference.rule.type, backend.name, place, np.inf, STEPS
            )
        for key in sorted(set(expected) - names):
            error, place = distance(actual[key], expected[key]), f"{detail}, {key}"
            yield Measurement(
                what, reference.rule.type, backend.name, place, error, STEPS
            )


def float32_errors(
    backend: Backend, name: str, form: str, device: str
) -> Iterator[Measurement]:
    """The error of 8 steps in float32, as a multiple of NumPy's."""
    rule = rules()[name]
    model = model_of(backend, rule, form, "float32", device, None)
    exact = ReferenceOptimizer(rule, model.weights(), "float64")
    in_float32 = ReferenceOptimizer(rule, model.weights(), "float32")
    for _ in range(SHORT):
        gradients = model.gradients(*samples("float32"))
        exact.update(gradients)
        in_float32.update(gradients)
        model.train_step(*samples("float32"))
    numpy_error = max(
        distance(in_float32.weights[n], w) for n, w in exact.weights.items()
    )
    for key, value in model.weights().items():
        error = distance(value, exact.weights[key]) / max(numpy_error, 2.0**-24)
        what = "float32 error / NumPy's float32 error"
        detail = f"{form}, {name}, {key}"
        yield Measurement(what, rule.type, backend.name, detail, error, FLOAT32)


def forms(backend: Backend, rule: Optimizer, dtype: str) -> list[str]:
    """The forms that a backend may write an optimizer in."""
    entry = backend.entries.get(rule.type)
    view = OptimizerView(rule.resolve({}), Target(dtype))
    return [f.name for f in entry.forms if f.when(view)] if entry is not None else []


def checks(backend: Backend, device: str) -> Iterator[Check]:
    """Every optimizer that the backend writes, with every option, in every form."""
    for name, rule in rules().items():
        for dtype, measure in (("float64", fifty_steps), ("float32", float32_errors)):
            for form in forms(backend, rule, dtype):
                yield Check(
                    "optimizers", rule.type, f"{form}, {name}", dtype, device,
                    backend.name, partial(measure, backend, name, form, device),
                )  # fmt: skip
