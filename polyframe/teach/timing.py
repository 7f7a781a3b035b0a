"""The time of each layer of a training step on each backend.

Each backend has a process of its own with the same number of threads
(``teach.timing_worker``), and they take turns, so that a machine which slows down slows
all of them. A time is the median of all turns.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from polyframe.compiler.table import Target
from polyframe.contract import registry
from polyframe.contract.programs import make_step, write_programs
from polyframe.errors import PolyframeError
from polyframe.plugins import loaded_files
from polyframe.spec.layers.base import Shape
from polyframe.spec.recipe import Recipe
from polyframe.teach.recipes import check_trains
from polyframe.teach.single_layers import (
    Phases,
    SingleLayer,
    Times,
    frames_of,
)
from polyframe.teach.timed_programs import (
    FAST,
    WHOLE,
    TimingSettings,
    layer_key,
    layers_of,
)
from polyframe.workers.child import THREADS
from polyframe.workers.process import Worker

Turn = Mapping[str, Mapping[str, float]]
"""Program → what was called → seconds, of one turn."""


@dataclass(frozen=True)
class StepTimes:
    """Seconds of a whole training step, and of its phases. ``spread``: how far the
    slowest and the fastest turn lie apart, as a share of the step."""

    forward: float
    backward: float
    update: float
    step: float
    spread: float


@dataclass(frozen=True)
class BackendTimes:
    """What was measured on one backend.

    - ``layers``: path → seconds of the layer alone, in the idiomatic program;
    - ``whole``: the whole step of the idiomatic program; ``fast``: of the one that
      ``train`` runs;
    - ``missing``: path → why the layer alone cannot be run;
    - ``facts``: the framework's version, its number of threads, the device.
    """

    backend: str
    title: str
    layers: Mapping[str, Phases]
    whole: StepTimes
    fast: StepTimes
    missing: Mapping[str, str]
    facts: Mapping[str, int | str]

    @property
    def sum(self) -> Phases:
        """The sum of all layers."""
        return Phases(
            sum(each.forward for each in self.layers.values()),
            sum(each.backward for each in self.layers.values()),
        )


def time_layers(
    recipe: Recipe,
    backends: Sequence[str],
    batch_size: int,
    threads: int,
    device: str = "cpu",
    repeats: int = 7,
    say: Callable[[str], None] = lambda text: None,
) -> list[BackendTimes]:
    """Measure on each backend. ``recipe``: its model, loss, optimizer, dtype, semantics
    and training settings take part; the data are random.

    PolyframeError for a network without weights; errors of ``compile`` for a backend that
    is not there, cannot train, cannot time phases (ability ``phases``) or does not write
    all layers.
    """
    check_trains(recipe)
    for name in backends:
        check(recipe, name)
    turns: dict[str, list[Turn]] = {name: [] for name in backends}
    facts, missing = {}, {}
    with contextlib.ExitStack() as stack:
        workers = {}
        for name in backends:
            say(f"{name}: opening programs")
            settings = TimingSettings(
                name, recipe.to_data(), batch_size, threads, device
            )
            workers[name] = stack.enter_context(worker(settings))
            request = settings.to_data() | {"plugins": loaded_files()}
            told = answer(workers[name], request)
            facts[name], missing[name] = told["facts"], told["missing"]
        for turn in range(repeats):
            for name, each in workers.items():
                say(f"{name}: turn {turn + 1} of {repeats}")
                turns[name].append(answer(each, {"do": "round"})["seconds"])
    return [
        times_of(
            name, layers_of(recipe, registry.get(name).layout), turns[name],
            facts[name], missing[name],
        )
        for name in backends
    ]  # fmt: skip


def check(recipe: Recipe, name: str) -> None:
    """UnsupportedError or BackendError where a backend cannot do it; that needs no
    framework."""
    backend = registry.get(name)
    registry.require(backend, "train", "phases", where="trace")
    step = make_step(
        recipe.model, backend, recipe.loss, recipe.optimizer, recipe.training,
        recipe.semantics,
    )  # fmt: skip
    target = Target(
        recipe.dtype, "cpu", recipe.semantics, True, precision=recipe.precision
    )
    write_programs(recipe.model, backend, step, target, False)


def worker(settings: TimingSettings) -> Worker:
    """The process of a backend."""
    hidden = {"CUDA_VISIBLE_DEVICES": "-1"} if settings.device == "cpu" else {}
    variables = dict.fromkeys(THREADS, str(settings.threads)) | hidden
    return Worker("polyframe.teach.timing_worker", settings.backend, variables)


def answer(process: Worker, request: Mapping[str, object]) -> dict[str, Any]:
    """The answer of a process; its error is raised here."""
    told = process.ask(request)
    if "error" in told:
        error = told["error"]
        raise PolyframeError(error["message"], where=error["where"], hint=error["hint"])
    return told


def times_of(
    name: str,
    layers: Mapping[str, SingleLayer],
    turns: Sequence[Turn],
    facts: Mapping[str, int | str],
    missing: Mapping[str, str],
) -> BackendTimes:
    """Medians over the turns."""
    frames = frames_of(list(layers.values()))
    there = {path: each for path, each in layers.items() if is_there(each, missing)}
    by_turn = [layer_times(there, frames, turn) for turn in turns]
    return BackendTimes(
        name,
        registry.get(name).title,
        {
            path: Phases(
                statistics.median(each[path].forward for each in by_turn),
                statistics.median(each[path].backward for each in by_turn),
            )
            for path in there
        },
        step_times(turns, WHOLE),
        step_times(turns, FAST),
        {
            path: missing.get(layer_key(each), "its frame cannot be run")
            for path, each in layers.items()
            if path not in there
        },
        facts,
    )


def is_there(layer: SingleLayer, missing: Mapping[str, str]) -> bool:
    """Whether a layer and its frames were run."""
    keys = [layer_key(layer), *map(str, layer.frames)]
    return not any(key in missing for key in keys)


def layer_times(
    layers: Mapping[str, SingleLayer], shapes: Sequence[Shape], turn: Turn
) -> dict[str, Phases]:
    """Each layer's time in one turn."""
    frames = {s: times(turn[str(s)]) for s in shapes if str(s) in turn}
    return {
        path: each.seconds_of(times(turn[layer_key(each)]), frames)
        for path, each in layers.items()
    }


def times(measured: Mapping[str, float]) -> Times:
    """The two times of a program."""
    return Times(measured["forward"], measured["gradients"])


def step_times(turns: Sequence[Turn], program: str) -> StepTimes:
    """The phases of a whole step; differences that come out below 0 are 0."""
    taken = [turn[program] for turn in turns]
    steps = [each["step"] for each in taken]
    return StepTimes(
        statistics.median(each["forward"] for each in taken),
        max(statistics.median(e["gradients"] - e["forward"] for e in taken), 0.0),
        max(statistics.median(e["step"] - e["gradients"] for e in taken), 0.0),
        statistics.median(steps),
        (max(steps) - min(steps)) / statistics.median(steps),
    )
