"""Optimizers: their steps against the rule in NumPy.

The rule moves weights of its own by the gradients that the backend gives at the same
step; families ``layers`` and ``losses`` hold these against the definitions.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from polyframe.compiler.table import OptimizerView, Target
from polyframe.conformance.figures import BIT_EQUAL, FLOAT32, STEPS, Figure, distance
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
    """A net whose parameters learn, with one matrix and one bias that start from 0."""
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
    """(x, y) of every step."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(8, 4)).astype(dtype), rng.integers(0, 3, 8)


class Rule:
    """The rule's own weights and state, in a dtype."""

    def __init__(self, rule: Optimizer, weights: Arrays, dtype: str) -> None:
        self.rule: Any = rule.resolve({})
        self.dtype, self.lr, self.step = dtype, self.rule.lr, 0
        self.weights = {n: w.astype(dtype) for n, w in weights.items()}
        self.states = {n: self.rule.start(w) for n, w in self.weights.items()}

    def take(self, gradients: Arrays) -> None:
        """A step along these gradients."""
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
            for name, kept in self.states.items()
            for key, value in kept.items()
        }


def fifty_steps(
    backend: Backend, name: str, form: str, device: str
) -> Iterator[Figure]:
    """50 steps, the rate changing half-way; again from what was kept before step 20."""
    rule = rules()[name]
    model = model_of(backend, rule, form, "float64", device, None)
    ruled = Rule(rule, model.weights(), "float64")
    kept: tuple[Arrays, Arrays] = {}, {}
    for step in range(COUNT):
        if step == SAVED:
            kept = model.weights(), model.training_state()
        if step == CHANGE:
            model.learning_rate *= SLOWER
            ruled.lr *= SLOWER
        ruled.take(model.gradients(*samples()))
        model.train_step(*samples())
    how = f"{form}, {name}"
    yield from against(model, ruled, how, backend)
    fresh = model_of(backend, rule, form, "float64", device, kept[0])
    fresh.load_training_state(kept[1], SAVED, 0)
    again = fresh.training_state()
    for key, value in kept[1].items():
        detail, off = f"{how}, {key}", distance(again.get(key, ()), value)
        yield Figure(
            "state loaded, and read again",
            rule.type,
            backend.name,
            detail,
            off,
            BIT_EQUAL,
        )
    for step in range(SAVED, COUNT):
        if step == CHANGE:
            fresh.learning_rate *= SLOWER
        fresh.train_step(*samples())
    yield from against(fresh, ruled, f"{how}, from step {SAVED}", backend)


def against(
    model: Model, ruled: Rule, detail: str, backend: Backend
) -> Iterator[Figure]:
    """Weights and state, beside the rule's."""
    for what, found, wanted in (
        ("weights after 50 steps", model.weights(), ruled.weights),
        ("state after 50 steps", model.training_state(), ruled.state),
    ):
        names = set(found) ^ set(wanted)
        for key in sorted(names):
            where = f"{detail}, {key} is on one side only"
            yield Figure(what, ruled.rule.type, backend.name, where, np.inf, STEPS)
        for key in sorted(set(wanted) - names):
            off, where = distance(found[key], wanted[key]), f"{detail}, {key}"
            yield Figure(what, ruled.rule.type, backend.name, where, off, STEPS)


def float32(backend: Backend, name: str, form: str, device: str) -> Iterator[Figure]:
    """8 steps in float32: at most 8 times as far from float64 as NumPy in float32."""
    rule = rules()[name]
    model = model_of(backend, rule, form, "float32", device, None)
    exact = Rule(rule, model.weights(), "float64")
    single = Rule(rule, model.weights(), "float32")
    for _ in range(SHORT):
        gradients = model.gradients(*samples("float32"))
        exact.take(gradients)
        single.take(gradients)
        model.train_step(*samples("float32"))
    own = max(distance(single.weights[n], w) for n, w in exact.weights.items())
    for key, value in model.weights().items():
        off = distance(value, exact.weights[key]) / max(own, 2.0**-24)
        what = "float32 error / NumPy's float32 error"
        detail = f"{form}, {name}, {key}"
        yield Figure(what, rule.type, backend.name, detail, off, FLOAT32)


def forms(backend: Backend, rule: Optimizer, dtype: str) -> list[str]:
    """The forms that a backend may write an optimizer in."""
    entry = backend.entries.get(rule.type)
    view = OptimizerView(rule.resolve({}), Target(dtype))
    return [f.name for f in entry.forms if f.when(view)] if entry is not None else []


def checks(backend: Backend, device: str) -> Iterator[Check]:
    """Every optimizer that the backend writes, with every option, in every form."""
    for name, rule in rules().items():
        for dtype, measure in (("float64", fifty_steps), ("float32", float32)):
            for form in forms(backend, rule, dtype):
                yield Check(
                    "optimizers", rule.type, f"{form}, {name}", dtype, device,
                    backend.name, partial(measure, backend, name, form, device),
                )  # fmt: skip
