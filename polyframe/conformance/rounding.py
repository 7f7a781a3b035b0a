"""Trainings in float32 and with a precision: as near to exact ones as rounding allows.

The oracle trains in float64. Its twin begins at weights that are moved by a few units in
the last place, which is about what rounding does to the sums of a layer; its optimizer's
numbers are moved by one unit of float32, since frameworks store them so. How far the
twin gets from the oracle is how much rounding grows in this training. Weights and state
are compared by how they changed since the start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from polyframe.contract.session import SCALING
from polyframe.io.array import Array
from polyframe.model.compile import compile as compile_model
from polyframe.model.model import Model
from polyframe.spec.settings import TrainingOptions
from polyframe.train.arrays import as_list
from polyframe.train.callbacks.base import Callback, StepEnd
from polyframe.train.history import History
from polyframe.train.protocol import TrainedModel

Named = Mapping[str, Array]
REASON = (
    "float32: the larger of 8 halves of a unit in the last place and 10 times the distance "
    "of the oracle from its twin, whose weights are moved by as much as rounding moves sums"
)
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
        sample_weight=weights, augmentation=case.augmentation,
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
    trained, (exact, _), (twin, _) = run.model, case.expected, case.twin(precision)
    rates = [step.lr for step in run.steps]
    yield compare_arrays(
        "learning rates", name, backend, "", rates, exact.rates, FORWARD
    )
    ema = trained.inference_weights() if exact.training.ema is not None else {}
    state = {k: v for k, v in trained.training_state().items() if k not in SCALING}
    x, _, _ = case.samples()
    everything = {
        "losses of steps": (
            numbered([step.loss for step in run.steps]),
            numbered(exact.step_losses),
            numbered(twin.step_losses),
        ),
        "weights": (
            changes(trained.weights(), run.initial),
            changes(exact.weights, exact.initial),
            changes(twin.weights, twin.initial),
        ),
        "EMA": (
            {n: ema[n] - run.initial[n] for n in exact.ema_weights if n in ema},
            changes(exact.ema_weights, exact.initial) if ema else {},
            changes(twin.ema_weights, twin.initial),
        ),
        "state": (
            {k: v for k, v in state.items() if not k.endswith("/average")},
            optimizer_state(exact),
            optimizer_state(twin),
        ),
        "predictions": (
            numbered(as_list(trained.predict(x))),
            numbered(as_list(exact.predict(x))),
            numbered(as_list(twin.predict(x))),
        ),
    }
    own = other = 0.0
    for what, (actual, expected, nudged) in everything.items():
        of_weights = what in ("weights", "EMA")
        scales = sizes(exact.weights if of_weights else expected, what)
        distances = distances_of(nudged, expected, scales)
        bound = bound_of(distances)
        for key in sorted({*actual, *expected}):
            value = float("inf")
            if key in actual and key in expected:
                value = scaled_distance(actual[key], expected[key], scales[key])
            yield Measurement(what, name, backend.name, key, value, bound)
        if what == "losses of steps":
            own = max(distances_of(actual, expected, scales).values())
            other = max(distances.values())
    if precision is not None:
        ratio = precision_ratio(own, other)
        what = f"{precision} is used"
        yield Measurement(what, name, backend.name, "", ratio, PRECISION_BOUND)


def bound_of(distances: Mapping[str, float]) -> Bound:
    """The bound of a kind of arrays, by how far the twin's are from the oracle's. It is
    one for all of a kind: a single array of the twin may be close by chance."""
    grown = TWIN_FACTOR * max(distances.values(), default=0.0)
    return Bound(max(grown, FLOAT32.value * HALF_A_UNIT), REASON)


def numbered(values: Sequence[object]) -> dict[str, Array]:
    """Arrays by their number."""
    return {f"number {i}": np.asarray(value) for i, value in enumerate(values)}


def changes(after: Named, before: Named) -> dict[str, Array]:
    """How weights changed, in float64."""
    return {n: after[n].astype(np.float64) - before[n] for n in after}


def optimizer_state(trainer: Trainer) -> dict[str, Array]:
    """The optimizer's state by its canonical names."""
    return {f"{n}/{k}": v for n in trainer.state for k, v in trainer.state[n].items()}


def sizes(arrays: Named, what: str) -> dict[str, float]:
    """The largest absolute value of each array; of losses, outputs and the state of one
    layer that of all of them, since one may be 0 but for rounding."""
    own = {n: float(np.abs(a).max(initial=0)) for n, a in arrays.items()}
    if what in ("weights", "EMA"):
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
    """The distance of each array that both have."""
    return {
        n: scaled_distance(actual[n], expected[n], scales[n])
        for n in expected
        if n in actual
    }
