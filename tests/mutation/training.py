"""Optimizers and the step: a tiny model's training, and its going on from a state."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cache

import numpy as np
from helpers.programs import step_of, write

import polyframe as pf
from polyframe.conformance.measurements import STEPS, distance
from polyframe.conformance.rules import rules
from polyframe.contract import registry
from polyframe.spec.losses import MSE
from polyframe.spec.optimizers import Optimizer

from .points import definitions
from .unit import UnrepeatableError, differ, forget, mutated

ROUNDED = 1e-5  # float32: what 8 steps with sums in another order may be apart


@dataclass(frozen=True)
class Run:
    """A tiny model's training: an optimizer, and options of ``compile``."""

    optimizer: Optimizer
    dtype: str = "float64"
    weighted: bool = False
    options: tuple = ()


TINY = pf.Sequential(
    [
        pf.Conv2D(3, 2, bias_init="zeros", name="conv"), pf.Tanh(), pf.Flatten(),
        pf.Dense(3, name="fc"),
    ],
    input_shape=(2, 3, 3), name="tiny",
)  # fmt: skip
STEP_OPTIONS = (
    {}, {"clip_norm": 0.05}, {"clip_norm": 1e6}, {"clip_value": 0.01}, {"ema": 0.7},
    {"freeze": "conv"}, {"clip_norm": 0.05, "ema": 0.7},
)  # fmt: skip


@cache
def runs(unit):
    if unit.family == "step":
        rule = pf.SGD(0.1, momentum=0.5)
        unweighted = [Run(rule, options=tuple(o.items())) for o in STEP_OPTIONS]
        return [*unweighted, Run(rule, weighted=True)]
    own = [rule for rule in rules().values() if rule.type == unit.entry]
    return [Run(rule, dtype) for rule in own for dtype in ("float64", "float32")]


@cache
def run_program(backend, run):
    options = dict(run.options)
    freeze = options.pop("freeze", ())
    freeze = (freeze,) if isinstance(freeze, str) else freeze
    step = step_of(
        TINY,
        backend,
        MSE(),
        run.optimizer,
        weighted=run.weighted,
        freeze=freeze,
        **options,
    )
    return write(TINY, backend, step=step, dtype=run.dtype)


def optimizer_sources(unit):
    for run in runs(unit):
        yield run_program(unit.backend, run).source, ["make_optimizer", "apply"]


def step_sources(unit):
    for run in runs(unit):
        program = run_program(unit.backend, run)
        source = program.source
        # What belongs to layers, losses and optimizers is mutated with those.
        roots = [program.entry, "loss_fn", "make_optimizer", "apply"]
        known = set(definitions(source, roots))
        texts = [d for d in definitions(source) if d not in known]
        yield "\n\n\n".join(texts), None


class TrainingRunner:
    """Steps with a change of the rate; then half of them from a state taken back."""

    def __init__(self, unit):
        self.unit = unit
        registry.get(unit.backend).probe()
        self.wanted = {}

    def model(self, run, mutant=None):
        backend = copy.copy(registry.get(self.unit.backend))
        original, seen = backend.write, []

        def changed(graph, target, step):
            program = original(graph, target, step)
            if mutant is not None and step is not None:
                program = mutated(program, mutant)
                seen.append(program)
            return program

        backend.write = changed
        model = pf.compile(
            TINY, backend, "mse", run.optimizer, dtype=run.dtype, device="cpu",
            **dict(run.options),
        )  # fmt: skip
        return model, seen

    def values(self, run, mutant=None, middle=None):
        model, seen = self.model(run, mutant)
        rng = np.random.default_rng(5)
        x = rng.normal(size=(8, 4, 2, 3, 3)).astype(run.dtype)
        x[0] = 0.0  # a gradient that is 0 throughout, of weights that are not
        y = rng.normal(size=(8, 4, 3)).astype(run.dtype)
        w = np.array([0.5, 0.0, 2.0, 1.25]) if run.weighted else None
        trace = {}

        def steps(model, these, kind):
            for i in these:
                if i == 4:
                    model.learning_rate *= 0.3
                trace[kind, i] = np.array(model.train_step(x[i], y[i], sample_weight=w))
            for name, value in {**model.weights(), **model.training_state()}.items():
                trace[kind, these[-1], name] = value

        try:
            steps(model, range(4), "trained")
            half = model.weights(), model.training_state()
            steps(model, range(4, 8), "trained")
            again, more = self.model(run, mutant)
            seen += more
            weights, state = middle or half
            again.load_weights(weights)
            again.load_training_state(state, 4, 0)
            steps(again, range(4, 8), "resumed")
        finally:
            for program in seen:
                forget(program)
        return trace, half

    def apart(self, trace, wanted, dtype):
        bound = STEPS.value if dtype == "float64" else ROUNDED
        return differ(trace, wanted, distance, bound)

    def check(self, mutant):
        for run in runs(self.unit):
            program = run_program(self.unit.backend, run)
            try:
                mutant.within(program.source)
            except ValueError:
                continue
            if run not in self.wanted:
                self.wanted[run] = self.values(run)
                again, _ = self.values(run)
                where = self.apart(again, self.wanted[run][0], run.dtype)
                if where is not None:
                    raise UnrepeatableError(f"{self.unit}: cannot be repeated: {where}")
            wanted, half = self.wanted[run]
            try:
                trace, _ = self.values(run, mutant, half)
            except Exception as error:
                return f"{type(error).__name__}"
            where = self.apart(trace, wanted, run.dtype)
            if where is not None:
                return f"{where} with {run.optimizer}"
        return None
