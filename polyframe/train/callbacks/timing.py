"""Callbacks that watch the learning rate and the clock."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from polyframe.io.atomic import write_atomic
from polyframe.io.json_csv import to_json
from polyframe.io.shown import scalars
from polyframe.spec.callbacks import LrMonitor, Timing
from polyframe.spec.fields import Float, Int, Kind, Maybe
from polyframe.train.callbacks.base import Plan, StepEnd
from polyframe.train.callbacks.helpers import SpecCallback, restored
from polyframe.train.protocol import TrainedModel


class LrRecorder(SpecCallback):
    """Runs ``lr_monitor``. ``changes``: (step, rate) of the first step since training
    began or was resumed, and of each step whose rate is another than the one before."""

    adds_to_rows = True
    columns = ("lr_first", "lr_last")

    def __init__(self, spec: LrMonitor, folder: Path) -> None:
        super().__init__(spec, folder)
        self.changes: list[tuple[int, float]] = []
        self.first: float | None = None  # of the epoch under way
        self.last: float | None = None

    def on_step_end(self, model: TrainedModel, step: StepEnd) -> None:
        if not self.changes or self.changes[-1][1] != step.lr:
            self.changes.append((step.step, step.lr))
        if self.first is None:
            self.first = step.lr
        self.last = step.lr

    def on_epoch_end(
        self, model: TrainedModel, epoch: int, row: dict[str, float]
    ) -> None:
        if self.first is not None and self.last is not None:
            row["lr_first"], row["lr_last"] = self.first, self.last
        self.first = None

    def state(self) -> dict[str, Any]:
        return {"first": self.first, "last": self.last}

    def restore(self, state: Mapping[str, Any]) -> None:
        kinds = dict.fromkeys(("first", "last"), Maybe(Float()))
        self.first, self.last = restored(self.spec.label, state, kinds)


VALUES = (
    "seconds",
    "examples_per_sec",
    "first_step_seconds",
    "step_seconds_median",
    "step_seconds_p95",
)
ROW: dict[str, Kind[Any]] = {
    "epoch": Int(1, 2**53),
    **dict.fromkeys(VALUES, Maybe(Float())),
}


class Timer(SpecCallback):
    """Runs ``timing``. ``rows`` has these values of each epoch, None where unknown:

    - ``seconds`` and ``examples_per_sec``: the loop's own, training alone;
    - ``first_step_seconds``: from the epoch's start (or the last epoch's end, so with
      what other callbacks do there) until the first loss has arrived; in the first
      epoch it holds what the framework compiles, and the steps that were sent ahead;
    - ``step_seconds_median``, ``step_seconds_p95``: between two losses' arrivals, from
      the second loss on; the median and the 95 % quantile (interpolated). The loop sends
      steps ahead and fetches the last few losses in a row, so that these say little of
      epochs of about ten steps or less.

    ``summary``: the number of ``epochs``, the sum of ``seconds``, the first
    ``first_step_seconds``, and the median over epochs of each other value. The steps'
    values of an epoch that was resumed in its middle are of the steps since then.
    """

    def __init__(self, spec: Timing, folder: Path) -> None:
        super().__init__(spec, folder)
        self.rows: list[dict[str, Any]] = []
        self.summary: dict[str, Any] = {}
        self.began = 0.0
        self.arrivals: list[float] = []

    def on_fit_begin(self, model: TrainedModel, plan: Plan) -> None:
        self.began, self.arrivals = perf_counter(), []

    def on_step_end(self, model: TrainedModel, step: StepEnd) -> None:
        self.arrivals.append(perf_counter())

    def on_epoch_end(
        self, model: TrainedModel, epoch: int, row: dict[str, float]
    ) -> None:
        values: dict[str, Any] = {"epoch": epoch} | dict.fromkeys(VALUES)
        for name in ("seconds", "examples_per_sec"):
            values[name] = scalars(row).get(name)
        if self.arrivals:
            values["first_step_seconds"] = self.arrivals[0] - self.began
        if len(self.arrivals) > 1:
            median, p95 = np.quantile(np.diff(self.arrivals), (0.5, 0.95)).tolist()
            values |= {"step_seconds_median": median, "step_seconds_p95": p95}
        self.rows.append(values)
        self.write()
        self.began, self.arrivals = perf_counter(), []

    def on_fit_end(self, model: TrainedModel) -> None:
        self.write()

    def write(self) -> None:
        """The file, and the summary in it."""
        self.summary = {"epochs": len(self.rows)}
        for name in VALUES:
            values = [row[name] for row in self.rows if row[name] is not None]
            self.summary[name] = statistics.median(values) if values else None
            if name == "seconds":
                self.summary[name] = sum(values)
            if name == "first_step_seconds" and values:
                self.summary[name] = values[0]
        content = {"summary": self.summary, "epochs": self.rows}
        write_atomic(self.folder / self.spec.writes, to_json(content))

    def state(self) -> dict[str, Any]:
        return {"rows": list(self.rows)}

    def restore(self, state: Mapping[str, Any]) -> None:
        rows = state.get("rows")
        self.rows = [
            dict(zip(ROW, restored(self.spec.label, row, ROW), strict=True))
            for row in (rows if isinstance(rows, list) else [rows])
        ]
