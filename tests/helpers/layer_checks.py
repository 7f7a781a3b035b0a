"""Many layers side by side in one program of one backend, against their definitions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from polyframe.compiler.table import Target
from polyframe.conformance.cases import (
    batch_for,
    compiled,
    form_of,
    random_factors,
    spec_around,
)
from polyframe.conformance.measurements import distance, scaled_distance
from polyframe.conformance.numerical import numerical_gradients
from polyframe.spec.interpreter import interpret
from polyframe.spec.losses import MSE
from polyframe.spec.sampling import initial_weights
from polyframe.train.arrays import as_list, as_one

FORWARD = 1e-11  # sums over more numbers than the examples have
STEPS = ((2e-5, 1e-8), (2e-7, 1e-5))
"""(step of the differences, bound of the gradients): one of them has to do. A kink that
lies within the larger step hardly lies within the smaller one."""
SMALL = 1e-3
"""Gradients that are all smaller are compared as if the largest were this."""


@dataclass
class Compared:
    """How configurations came out; those in ``wrong`` with what is wrong."""

    right: list = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    gaps: list = field(default_factory=list)
    undefined: list = field(default_factory=list)


def compare(backend, cases) -> Compared:
    """Outputs in both modes, the loss of a step, its gradients and running statistics."""
    found = Compared()
    held = []
    for case in cases:
        if form_of(backend, case, Target("float64"), None) is None:
            found.gaps.append(case[1:])
        elif not is_defined(case):
            found.undefined.append(case[1:])
        else:
            held.append(case)
    if held:
        _compare(backend, held, found)
    return found


def is_defined(case) -> bool:
    """Whether the definition gives finite numbers."""
    spec = spec_around([case])
    graph = spec.infer({})
    weights = initial_weights(graph.parameters, 0, "float64")
    x, _ = batch_for(spec)
    try:
        with np.errstate(all="ignore"):
            values, _ = interpret(graph, weights, x)
    except NotImplementedError:
        return False
    return all(np.isfinite(values[name]).all() for name in graph.outputs)


def _compare(backend, cases, found):
    """All in one program; if that does not run, halves of it, until the configuration is
    known that does not."""
    try:
        wrong = differences(backend, cases)
    except Exception as error:
        if len(cases) == 1:
            found.wrong.append(f"{cases[0][1:]}: {type(error).__name__}: {error}")
            return
        for half in (cases[: len(cases) // 2], cases[len(cases) // 2 :]):
            _compare(backend, half, found)
        return
    for case in cases:
        if case[0] in wrong:
            found.wrong.append(f"{case[1:]}: {wrong[case[0]]}")
        else:
            found.right.append(case[1:])


def differences(backend, cases) -> dict[int, str]:
    """Number of a case → what differs."""
    wrong: dict[int, str] = {}
    model, weights = compiled(backend, cases, "float64")
    graph, (x, y) = model.graph, batch_for(model.spec)

    def hold(what, name, value, wanted):
        apart = near(value, wanted)
        if not apart <= FORWARD:
            number = int(name.partition(".")[0].removeprefix("it"))
            wrong.setdefault(number, f"{what} of {name}: {apart:.1e}")

    wanted, _ = interpret(graph, weights, x)
    for name, value in zip(
        graph.outputs, as_list(model.predict(as_one(x))), strict=True
    ):
        hold("prediction", name, value, wanted[name])
    draws = random_factors(model)
    wanted, state = interpret(graph, weights, x, training=True, draws=draws)
    values = model.activations(as_one(x), training=True)
    for name in graph.outputs:
        hold("output in training", name, values[name], wanted[name])
    model.learning_rate = 1.0  # so that the change of a weight is its gradient
    loss = model.train_step(as_one(x), as_one(y))
    each = [
        MSE().define(wanted[name], target).mean()
        for name, target in zip(graph.outputs, y, strict=True)
    ]
    after = model.weights()
    for name, value in state.items():
        hold("running statistics", name, after[name], value)
    inputs = dict(zip((name for name, _ in graph.inputs), x, strict=True))
    for case, target in zip(cases, y, strict=True):
        part = spec_around([case]).infer({})
        own = {name: weights[name] for name in part.parameters}
        text = gradient_error(
            part, own, [inputs[n] for n, _ in part.inputs], target, draws, after
        )
        if text:
            wrong.setdefault(case[0], text)
    apart = scaled_distance(loss, sum(each), sum(each))
    if not apart <= FORWARD and not wrong:
        raise AssertionError(f"the loss of a step differs by {apart:.1e}")
    return wrong


def gradient_error(graph, weights, x, target, draws, after) -> str:
    """What differs in the gradients of one configuration, or nothing."""
    actual = {
        name: weights[name] - after[name]
        for name, parameter in graph.parameters.items()
        if parameter.trainable
    }
    scale = max(SMALL, *(np.abs(g).max() for g in actual.values()))
    text = ""
    for step, bound in STEPS:
        expected = numerical_gradients(graph, weights, x, target, draws, step)
        worst = {
            name: scaled_distance(actual[name].reshape(-1)[at], values, scale)
            for name, (at, values) in expected.items()
        }
        text = ", ".join(
            f"gradient of {name}: {apart:.1e}"
            for name, apart in worst.items()
            if not apart <= bound
        )
        if not text:
            return ""
    return text


def near(value, wanted) -> float:
    """The distance, where a result that ought to be 0 may hold rounding's leavings."""
    if value.shape == wanted.shape and np.abs(value - wanted).max(initial=0) < 1e-13:
        return 0.0
    return distance(value, wanted)
