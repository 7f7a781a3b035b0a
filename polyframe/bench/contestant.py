"""polyframe's contestants: ``fit``, and the emitted program in a bare loop."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from polyframe.bench.settings import Settings
from polyframe.contract import registry
from polyframe.contract.session import (
    Native,
    PhasedSession,
    StagedBatch,
    TrainingSession,
    as_sequence,
)
from polyframe.errors import BackendError
from polyframe.io.array import Array
from polyframe.model.compile import compile as compile_model
from polyframe.model.model import Model
from polyframe.spec.recipe import ALWAYS
from polyframe.spec.totals import Totals
from polyframe.train.callbacks.base import Callback, StepEnd
from polyframe.train.feed import assemble_step
from polyframe.train.loop import WAITING
from polyframe.train.protocol import TrainedModel

Ops = dict[str, Callable[[int], float]]
PAIRS = 7
"""How many times ``fit`` and the bare loop are compared within one process."""


class Clock(Callback):
    """Records when each loss arrived."""

    tolerates_delay = True

    def __init__(self) -> None:
        self.ticks: list[float] = []

    def on_step_end(self, model: TrainedModel, step: StepEnd) -> None:
        self.ticks.append(time.perf_counter())

    def per_step(self) -> float:
        """Seconds per step, from the first loss on; the last losses arrive together."""
        ticks = self.ticks[:-WAITING]
        return (ticks[-1] - ticks[0]) / (len(ticks) - 1)


def seconds(call: Callable[[], Any], count: int = 1) -> float:
    """Seconds for one call, the mean of ``count``."""
    began = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - began) / count


class PolyframeContestant:
    """A polyframe model on one backend."""

    def __init__(self, settings: Settings, backend: str, kind: str) -> None:
        self.settings, self.kind = settings, kind
        began = time.perf_counter()
        probe = registry.get(backend).probe()  # imports the framework
        imported = time.perf_counter()
        if not probe.usable:
            raise BackendError(f"is not usable: {probe.problem}", where=backend)
        recipe = settings.trained
        self.model: Model = compile_model(
            recipe.model, backend, recipe.loss, recipe.optimizer, recipe.metrics,
            dtype=recipe.dtype, device=settings.device, semantics=recipe.semantics,
            optimize=kind != "idiomatic", **recipe.options(),
        )  # fmt: skip
        built = time.perf_counter()
        x, y = settings.random_batch()
        self.x = [np.ascontiguousarray(a, settings.dtype) for a in x]
        self.y = [a if a.dtype.kind in "iu" else a.astype(settings.dtype) for a in y]
        self.ready = self.staged()
        first = seconds(lambda: self.model.train_step(as_one(self.x), as_one(self.y)))
        self.start = {
            "import": imported - began,
            "build": built - imported,
            "first step": first,
        }

    def facts(self) -> dict[str, Any]:
        """Its settings and versions."""
        weights = self.model.weights()
        return {
            "batch": len(self.x[0]),
            "device": self.settings.device,
            "dtype": str(next(iter(weights.values())).dtype),
            "parameters": self.model.graph.num_parameters,
            **self.model.engine.session.facts(),
        }

    @property
    def ops(self) -> Ops:
        """The operations that are timed."""
        if self.kind == "fit":
            return {"step": self.fitted, "predict": self.predict}
        if self.kind == "program":  # it predicts as polyframe does
            return {"step": self.bare}
        return {"step": self.bare, "predict": self.predict}

    def staged(self) -> list[StagedBatch]:
        """The batches of a step on the device: one, or with accumulation several."""
        engine = self.model.engine
        batch = engine.check_batch((as_one(self.x), as_one(self.y), None))
        weighting = engine.sample_weights_of if engine.weighted else None
        parts = assemble_step([batch] * self.parts, weighting, engine.steps_done, 0)
        return [engine.stage(part) for part in parts]

    @property
    def parts(self) -> int:
        """How many batches a step has."""
        return self.settings.trained.accumulate

    def train(self, learning_rate: float) -> tuple[Native, Native]:
        """A step of the program on the staged batches; handles of the last batch's share
        of the loss and its outputs."""
        for part in self.ready[:-1]:
            self.model.engine.session.train(part, learning_rate, False)
        return self.model.engine.session.train(self.ready[-1], learning_rate)

    def fitted(self, count: int) -> float:
        """Seconds for one step of ``fit``, with logs and the check for NaN as in every
        run."""
        clock, steps = Clock(), (count + WAITING + 1) * self.parts
        x = [np.concatenate([a] * steps) for a in self.x]
        y = [np.concatenate([a] * steps) for a in self.y]
        with TemporaryDirectory() as folder:
            self.model.fit(
                as_one(x), as_one(y), 1, self.settings.batch, callbacks=[*ALWAYS, clock],
                folder=Path(folder),
            )  # fmt: skip
        self.model.engine.session.wait()
        return clock.per_step()

    def bare(self, count: int) -> float:
        """Seconds for one step of the emitted program, with as many steps in flight as in
        ``fit``."""
        session, rate = self.model.engine.session, self.model.learning_rate
        under_way: deque[Native] = deque()
        began = time.perf_counter()
        for _ in range(count):
            under_way.append(self.train(rate)[0])
            if len(under_way) > WAITING:
                session.read(under_way.popleft())
        while under_way:
            session.read(under_way.popleft())
        session.wait()
        self.model.engine.weights_changed()
        return (time.perf_counter() - began) / count

    def predict(self, count: int) -> float:
        """Seconds for ``predict`` on a batch, with NumPy arrays in and out."""
        x = as_one(self.x)
        return seconds(lambda: self.model.predict(x, self.settings.batch), count)

    def loop(self, count: int) -> tuple[list[float], list[float]]:
        """Seconds for one step of ``fit`` and of the bare program, alternating in this one
        process, since two processes of one program differ by more than a loop costs."""
        pairs = [(self.fitted(count), self.bare(count)) for _ in range(PAIRS)]
        return [fit for fit, _ in pairs], [bare for _, bare in pairs]

    def phases(self, count: int) -> dict[str, float]:
        """Seconds for each phase of a step, from differences of what can be timed."""
        model, session, ready = self.model, self.model.engine.session, self.ready
        times = {"host to device": seconds(self.staged, count)}
        if isinstance(session, PhasedSession):
            forward = timed(
                session,
                lambda: [session.run_forward(part) for part in ready][-1],
                count,
            )
            both = timed(
                session,
                lambda: [session.run_gradients(part) for part in ready][-1],
                count,
            )
            session.forget()
            times["forward"] = forward
            times["backward"] = max(both - forward, 0.0)
            times["update"] = max(self.bare(count) - both, 0.0)
        if model.engine.bound_metrics:
            loss, outputs = self.train(model.learning_rate)
            session.read(loss)
            totals = Totals(model.engine.bound_metrics)
            several = as_sequence(outputs)
            times["metric"] = seconds(
                lambda: totals.add([session.read(o) for o in several], self.y), count
            )
        x, y = as_one(self.x), as_one(self.y)
        model.evaluate(x, y, self.settings.batch)
        times["evaluation"] = seconds(
            lambda: model.evaluate(x, y, self.settings.batch), count
        )
        return times


def timed(session: TrainingSession, call: Callable[[], Native], count: int) -> float:
    """Seconds for one call; the result of the last one is fetched."""
    session.read(call())
    began = time.perf_counter()
    for _ in range(count):
        handle = call()
    session.read(handle)
    session.wait()
    return (time.perf_counter() - began) / count


def as_one(arrays: list[Array]) -> Any:
    """A single array, or the list."""
    return arrays if len(arrays) > 1 else arrays[0]
