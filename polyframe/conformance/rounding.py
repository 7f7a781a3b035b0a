"""Trainings in float32 and with a precision: as near to exact ones as rounding allows.

The oracle trains in float64. Its twin begins at weights that are moved by a few units in
the last place, which is about what rounding does to the sums of a layer; its optimizer's
numbers are moved by one unit of float32, since frameworks store them so. How far the
twin gets from the oracle is how much rounding grows in this training. Weights and state
are compared by how they changed since the start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from polyframe.conformance.feature_cases import Case
from polyframe.conformance.measurements import (
    FLOAT32,
    FORWARD,
    HALF_A_UNIT,
    Bound,
    Measurement,
    compare_arrays,
    scaled_distance,
)
from polyframe.conformance.oracle import Trainer
from polyframe.conformance.verify import PRECISION_BOUND, TWIN_FACTOR, precision_ratio
from polyframe.contract.backend import Backend
from polyframe.contract.session import BEGAN, SCALING
from polyframe.io.array import Array
from polyframe.model.compile import compile as compile_model
from polyframe.model.model import Model
from polyframe.spec.settings import TrainingOptions
from polyframe.train.arrays import as_list, as_one
from polyframe.train.callbacks.base import Callback, StepEnd
from polyframe.train.history import History
from polyframe.train.protocol import TrainedModel

Named = Mapping[str, Array]
REASON = (
    "float32: the larger of 8 halves of a unit in the last place and 10 times the distance "
    "of the oracle from its twin, whose weights are moved by as much as rounding moves sums"
)
OF_WEIGHTS = ("weights", "EMA")
"""What is compared by how it changed, as a share of the weights."""
LEAST = FLOAT32.value * HALF_A_UNIT
"""The least bound. Where all is within it, no twin is needed."""
SCALE = 2.0**8
"""float16's loss scale here: the default one overflows, and so leaves out updates."""


class StepRecorder(Callback):
    """Keeps every ``StepEnd``."""

    tolerates_delay = True

    def __init__(self) -> None:
        self.steps: list[StepEnd] = []

    def on_step_end(self, model: TrainedModel, step: StepEnd) -> None:
        self.steps.append(step)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A case after ``fit``, with its weights before it."""

    model: Model
    initial: dict[str, Array]
    steps: Sequence[StepEnd]
    history: History


def model_of(
    backend: Backend,
    case: Case,
    device: str,
    dtype: str = "float64",
    precision: str | None = None,
) -> Model:
    """A case's model before its first step."""
    options: TrainingOptions = {**case.options, "precision": precision}
    model = compile_model(
        case.net(), backend, case.loss, case.optimizer, dtype=dtype, device=device,
        schedule=case.schedule, **options,
    )  # fmt: skip
    if precision == "float16":
        state = model.training_state()
        state[SCALING[0]] = np.array([SCALE], dtype)
        model.load_training_state(state, 0, 0)
    return model


def fitted(case: Case, model: Model) -> Fitted:
    """Train a case's model."""
    initial, recorder = model.weights(), StepRecorder()
    x, y, weights = case.samples()
    history = model.fit(
        x, y, epochs=case.epochs, batch_size=case.batch_size, callbacks=[recorder],
        sample_weight=weights, augmentation=case.augmentation, verbose=0,
    )  # fmt: skip
    return Fitted(model, initial, recorder.steps, history)


def rounded_fit(
    backend: Backend,
    case: Case,
    name: str,
    device: str,
    precision: str | None = None,
    model: Model | None = None,
) -> Iterator[Measurement]:
    """``fit`` in float32 or with a precision, compared with the oracle: losses of steps,
    learning rates, weights, EMA, optimizer state, predictions. ``model``: the case's, if
    there is one already."""
    run = fitted(case, model or model_of(backend, case, device, "float32", precision))
    exact, (x, _, _) = case.expected[0], case.samples()
    rates = [step.lr for step in run.steps]
    yield compare_arrays(
        "learning rates", name, backend, "", rates, exact.rates, FORWARD
    )
    seen = as_one(run.model.engine.preprocess(as_list(x)))  # as predictions see them
    actual, expected = of_run(run, x, set(exact.ema_weights)), of_oracle(exact, seen)
    scales = {
        what: sizes(exact.weights if what in OF_WEIGHTS else arrays, what)
        for what, arrays in expected.items()
    }
    found = {w: distances_of(actual[w], expected[w], scales[w]) for w in expected}
    twin = None
    if (
        precision is not None
        or max(max(d.values(), default=0) for d in found.values()) > LEAST
    ):
        twin = of_oracle(case.twin(precision)[0], seen)
    grown = {
        what: {}
        if twin is None
        else distances_of(twin[what], expected[what], scales[what])
        for what in expected
    }
    for what, distances in found.items():
        bound = bound_of(grown[what])
        for key, value in distances.items():
            yield Measurement(what, name, backend.name, key, value, bound)
    if precision is not None:
        own, other = (max(each["losses of steps"].values()) for each in (found, grown))
        ratio, what = precision_ratio(own, other), f"{precision} is used"
        yield Measurement(what, name, backend.name, "", ratio, PRECISION_BOUND)


def of_run(run: Fitted, x: Array | list[Array], averaged: Set[str]) -> dict[str, Named]:
    """What is compared of a model; ``averaged`` are the weights that may have an EMA."""
    model, state = run.model, run.model.training_state()
    training = model.engine.training
    others = {
        BEGAN,
        *SCALING,
        *(k for k in state if k.rpartition("/")[2] in training.kept),
    }
    own = [key for key in state if key not in others]
    average = model.inference_weights() if training.predicts_with else {}
    return {
        "losses of steps": numbered([step.loss for step in run.steps]),
        "weights": changes(model.weights(), run.initial),
        "EMA": changes(
            {n: a for n, a in average.items() if n in averaged}, run.initial
        ),
        "state": {key: state[key] for key in own},
        "predictions": numbered(as_list(model.predict(x))),
    }


def of_oracle(trainer: Trainer, x: Array | list[Array]) -> dict[str, Named]:
    """The same of an oracle."""
    average = trainer.ema_weights if trainer.training.predicts_with else {}
    states = trainer.state.items()
    return {
        "losses of steps": numbered(trainer.step_losses),
        "weights": changes(trainer.weights, trainer.initial),
        "EMA": changes(average, trainer.initial),
        "state": {f"{n}/{k}": a for n, state in states for k, a in state.items()},
        "predictions": numbered(as_list(trainer.predict(x))),
    }


def bound_of(grown: Mapping[str, float]) -> Bound:
    """The bound of a kind of arrays, by how far the twin's are from the oracle's (nothing
    where no twin was needed). It is one for all of a kind: a single array of the twin may
    be close by chance."""
    return Bound(max(TWIN_FACTOR * max(grown.values(), default=0.0), LEAST), REASON)


def numbered(values: Sequence[object]) -> dict[str, Array]:
    """Arrays by their number."""
    return {f"number {i}": np.asarray(value) for i, value in enumerate(values)}


def changes(after: Named, before: Named) -> dict[str, Array]:
    """How weights changed, in float64."""
    return {n: after[n].astype(np.float64) - before[n] for n in after}


def sizes(arrays: Named, what: str) -> dict[str, float]:
    """The largest absolute value of each array; of losses, outputs and the state of one
    layer that of all of them, since one may be 0 but for rounding."""
    own = {n: float(np.abs(a).max(initial=0)) for n, a in arrays.items()}
    if what in OF_WEIGHTS:
        return own
    groups: dict[str, float] = {}
    for name, size in own.items():
        groups[group(name)] = max(groups.get(group(name), 0.0), size)
    return {name: groups[group(name)] for name in own}


def group(name: str) -> str:
    """Those of one group share their scale: ``fc1.weight/velocity`` → ``fc1/velocity``."""
    parameter, _, kind = name.partition("/")
    return f"{parameter.rpartition('.')[0]}/{kind}"


def distances_of(
    actual: Named, expected: Named, scales: Mapping[str, float]
) -> dict[str, float]:
    """The distance of each array; infinite for one that is missing on one side."""
    return {
        name: scaled_distance(actual[name], expected[name], scales[name])
        if name in actual and name in expected
        else float("inf")
        for name in sorted({*actual, *expected})
    }
