"""The own forms of losses and optimizers, which native semantics take: held against the
same thing in code written by hand (tests/native/rivals), to the bit."""

from __future__ import annotations

import contextlib
import copy
import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from helpers.own_classes import (
    NET,
    SETTINGS,
    batch_of,
    batches,
    head_of,
    optimizers_of_setting,
    rate_as_made,
    rival,
    rival_arguments,
)

import polyframe as pf
from polyframe.compiler.table import LossView, OptimizerView, Target, choose
from polyframe.conformance.losses import Case, cases
from polyframe.contract import registry
from polyframe.contract.programs import make_step, write_programs
from polyframe.spec.losses import MSE
from polyframe.spec.model import ModelSpec
from polyframe.spec.optimizers import Optimizer
from polyframe.spec.settings import Training

from .points import definitions
from .unit import UnrepeatableError, forget, mutated

FAMILIES = ("own losses", "own optimizers", "own step")
STEPS, SLOWER = 8, (3, 6)  # RAdam's sixth step is the first that it adapts
CLOSE = {"float64": 1e-13, "float32": 1e-5}  # of a mean that is a sum in another order
TIMES = np.array([1, 0, 2, 3, 1, 2])  # how often each sample counts
MEANS = ("mean", "keras")  # forms that return the mean
DTYPES = ("float64", "float32")  # some own classes know the second only


@dataclass(frozen=True)
class Run:
    """A model with a step: the net with an optimizer and a setting, or one layer with
    the loss of a case."""

    spec: ModelSpec
    optimizer: Optimizer
    dtype: str
    setting: str = ""
    case: Case | None = None

    @property
    def loss(self):
        return MSE() if self.case is None else self.case.loss

    @property
    def options(self):
        return SETTINGS.get(self.setting, {})


def step_of(backend, run):
    options = Training(**run.options)
    step = make_step(
        run.spec, registry.get(backend), run.loss, run.optimizer, options, "native"
    )
    kinds = step.targets if run.case is None else (run.case.targets,)
    return replace(step, targets=kinds)


def form_of(backend, run, forms):
    """The form of a run's loss or optimizer, or why there is none."""
    known, step = registry.get(backend), step_of(backend, run)
    target = Target(run.dtype, semantics="native", forms=forms)
    view = OptimizerView(step.optimizer, target, step.training)
    if run.case is not None:
        view = LossView(run.case.function, target, step.means)
    form = choose(known.entries, view)
    return form if isinstance(form, str) else form.name


def possible(unit):
    """(a run, others of the same in another dtype) that a unit may consist of."""
    if unit.family == "own step":
        for setting in ("", *SETTINGS):
            for rule in optimizers_of_setting(setting):
                yield [Run(NET, rule, "float32", setting)]  # MXNet clips no other
    elif unit.family == "own optimizers":
        kind = Optimizer.registry[unit.entry]
        for fields in kind.examples:
            yield [Run(NET, kind(**fields), dtype) for dtype in DTYPES]
    else:
        for case in cases(ranks=(1, 3)):
            if case.loss.type == unit.entry:
                spec = head_of(case)
                yield [Run(spec, pf.SGD(0.0), d, case=case) for d in DTYPES]


def forms_of(unit):
    return {unit.entry: unit.form} if unit.form else {}


@cache
def own_runs(unit):
    """The runs whose program takes the unit's form."""
    found, forms = [], forms_of(unit)
    for alike in possible(unit):
        fit = [
            run
            for run in alike
            if not unit.form or form_of(unit.backend, run, forms) == unit.form
        ]
        found += fit[:1]
    return found


@cache
def source_of(unit, run):
    """(the text of a run's program, the name of its class)."""
    target = Target(run.dtype, semantics="native", forms=forms_of(unit))
    step = step_of(unit.backend, run)
    known = registry.get(unit.backend)
    program, _ = write_programs(run.spec, known, step, target, True)
    return program.source, program.entry


def own_sources(unit):
    """What is mutated: the loss and how it is called, the optimizer and its step, or all
    but the model and the loss."""
    for run in own_runs(unit):
        source, entry = source_of(unit, run)
        if unit.family == "own optimizers":
            yield source, ["make_optimizer", "apply"]
            continue
        roots = ["loss_and_gradients"] if unit.family == "own losses" else None
        beside = [entry] if unit.family == "own losses" else [entry, "loss_fn"]
        known = set(definitions(source, beside))
        texts = [d for d in definitions(source, roots) if d not in known]
        yield "\n\n\n".join(texts), None


def equal(actual, wanted, dtype):
    """Whether they are the same bits, or with a dtype, close to each other."""
    if dtype is None:
        return np.array_equal(actual, wanted)
    return np.allclose(actual, wanted, rtol=CLOSE[dtype], atol=CLOSE[dtype])


def compiled_functions():
    """Let TensorFlow compile its functions, as it does for its users."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(False)


class OwnRunner:
    """A few steps on changing batches at a changing rate, or a loss and its gradient."""

    def __init__(self, unit):
        self.unit, self.backend = unit, registry.get(unit.backend)
        self.backend.probe()
        if unit.backend == "tensorflow":  # a graph's last bits are not those of its
            compiled_functions()  # operations one by one
        self.wanted, self.known = {}, set()

    def model(self, run, mutant):
        backend = copy.copy(self.backend)
        original, seen = backend.write, []

        def changed(graph, target, step):
            program = original(graph, target, step)
            if mutant is not None and step is not None:
                with contextlib.suppress(ValueError):  # written for other targets
                    program = mutated(program, mutant)
                    seen.append(program)
            return program

        backend.write = changed
        model = pf.compile(
            run.spec, backend, run.loss, run.optimizer, semantics="native",
            dtype=run.dtype, device="cpu", seed=1, forms=forms_of(self.unit),
            **run.options,
        )  # fmt: skip
        return model, seen

    def by_hand(self, run, model):
        """What the rival computes, from the first weights of a model."""
        if run not in self.wanted:
            known, weights = rival(self.unit.backend), model.weights()
            if run.case is not None:
                loss = run.loss.resolve(self.backend.defaults)
                x, y = batch_of(run.case, run.dtype)
                weight, batches_ = weights["head.weight"], [(x, y)]
                if self.unit.form not in MEANS:  # a weight of 2: the sample twice
                    batches_.append(
                        [np.repeat(array, TIMES, axis=0) for array in (x, y)]
                    )
                result = [known.loss(loss, weight, *b, run.dtype) for b in batches_]
            else:
                rule, data = self.rule(run), batches(run.dtype, STEPS)
                more = rival_arguments(run.setting) if run.setting else ()
                rates = self.rates(run)
                result = known.train(rule, weights, data, run.dtype, rates, *more)
            self.wanted[run] = result
        return self.wanted[run]

    def rule(self, run):
        return run.optimizer.resolve(self.backend.defaults)

    def fixed(self, run):
        """Whether the class has no learning rate."""
        known = rival(self.unit.backend)
        return run.optimizer.type in getattr(known, "WITHOUT_RATE", ())

    def rates(self, run):
        rate, slower = self.rule(run).lr, () if self.fixed(run) else SLOWER
        return [rate / 3 if n in slower else rate for n in range(STEPS)]

    def apart(self, run, mutant):
        """Where a program, or a mutant of it, is not what is written by hand."""
        model, seen = self.model(run, mutant)
        try:
            wanted = self.by_hand(run, model)
            if run.case is not None:
                return self.loss_apart(run, model, wanted)
            return self.steps_apart(run, model, wanted)
        finally:
            assert seen or mutant is None, "no program has the mutant"
            for program in seen:
                forget(program)

    def loss_apart(self, run, model, wanted):
        x, y = batch_of(run.case, run.dtype)
        ours = model.train_step(x, y), model.gradients(x, y)["head.weight"]
        close = self.unit.form == "per sample" or run.loss.has_denominator_weights
        for same, (value, gradient) in zip((close, True), wanted):
            if not equal(ours[0], value, run.dtype if same else None):
                return "value"
            if not equal(ours[1], gradient, run.dtype if same else None):
                return "gradient"
            if len(wanted) > 1:
                options = {"sample_weight": TIMES}
                value = model.train_step(x, y, **options)
                ours = value, model.gradients(x, y, **options)["head.weight"]
        return None

    def steps_apart(self, run, model, wanted):
        if not self.fixed(run):
            made = rate_as_made(self.unit.backend, model)
            if not math.isclose(made, self.rule(run).lr, rel_tol=1e-6):
                return "the rate as made"
        data = batches(run.dtype, STEPS)
        for n, (batch, rate, after) in enumerate(
            zip(data, self.rates(run), wanted, strict=True)
        ):
            model.learning_rate = rate
            model.train_step(*batch)
            ours = model.weights()
            for name, value in after.items():
                if not np.array_equal(ours[name], value):
                    return f"step {n + 1}: {name}"
        return None

    def know(self, run):
        """Make sure that the program as written is what is written by hand."""
        if run in self.known:
            return
        try:
            where = self.apart(run, None)
        except Exception as error:
            where = f"{type(error).__name__}: {error}"
        if where is not None:
            what = f"{run.loss}, {run.optimizer}, {run.setting or 'no setting'}"
            raise UnrepeatableError(
                f"{self.unit}: by hand it is different: {where} ({what})"
            )
        self.known.add(run)

    def check(self, mutant):
        for run in own_runs(self.unit):
            try:
                mutant.within(source_of(self.unit, run)[0])
            except ValueError:
                continue
            self.know(run)
            try:
                where = self.apart(run, mutant)
            except Exception as error:
                return type(error).__name__
            if where is not None:
                return f"{where} with {run.loss} and {run.optimizer}"
        return None
