"""Logs for other programs to draw: TensorBoard, Weights & Biases, MLflow.

All send the same values under the same tags, over the same axis: the step, from 1.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polyframe.errors import PolyframeError
from polyframe.io.shown import scalars
from polyframe.spec.callbacks import CallbackSpec, Mlflow, TensorBoard, Wandb
from polyframe.spec.fields import Maybe, Text
from polyframe.train.callbacks.base import Plan, StepEnd
from polyframe.train.callbacks.helpers import SpecCallback, package, restored
from polyframe.train.protocol import TrainedModel

NOT_METRICS = ("epoch", "seconds", "lr_first", "lr_last")


def tags(row: Mapping[str, Any]) -> dict[str, int | float]:
    """A history row's numbers by their tags: ``train/loss``, ``val/accuracy``, …"""
    by_tag = {}
    for name, value in scalars(row).items():
        if name.startswith("val_"):
            by_tag[f"val/{name[4:]}"] = value
        elif name == "examples_per_sec":
            by_tag["perf/examples_per_sec"] = value
        elif name == "lr":
            by_tag["lr"] = value
        elif name not in NOT_METRICS:
            by_tag[f"train/{name}"] = value
    return by_tag


class Tracker(SpecCallback):
    """Sends ``train/loss`` and ``lr`` each ``every`` steps (0: once an epoch, the
    epoch's mean and last rate), all other values after each epoch."""

    every = 1

    def __init__(self, spec: CallbackSpec, folder: Path) -> None:
        super().__init__(spec, folder)
        self.step = 0  # the last one

    def on_fit_begin(self, model: TrainedModel, plan: Plan) -> None:
        self.step = model.steps_done
        self.open()

    def on_step_end(self, model: TrainedModel, step: StepEnd) -> None:
        self.step = step.step
        if self.every and step.step % self.every == 0:
            self.put({"train/loss": step.loss, "lr": step.lr})

    def on_epoch_end(
        self, model: TrainedModel, epoch: int, row: dict[str, float]
    ) -> None:
        values = tags(row)
        if self.every:
            values = {k: v for k, v in values.items() if k not in ("train/loss", "lr")}
        self.put(values)

    def on_fit_end(self, model: TrainedModel) -> None:
        self.close()

    def open(self) -> None:
        """Begin, or go on with, the record of this training."""

    def put(self, values: Mapping[str, int | float]) -> None:
        """Record values at ``self.step``."""
        raise NotImplementedError

    def close(self) -> None:
        """The training is over."""


class TensorBoardLogger(Tracker):
    """Runs ``tensorboard``.

    Written through tensorboardX's synchronous ``EventsWriter``, one event a step and
    flushed: its ``SummaryWriter`` keeps events in another thread's queue, which its
    ``flush`` does not wait for, so a crash would lose steps that a checkpoint has.
    """

    def __init__(self, spec: TensorBoard, folder: Path) -> None:
        super().__init__(spec, folder)
        self.every = spec.every
        self.writer: Any = None  # a training that fails leaves it to __del__
        install = "pip install 'polyframe[tensorboard]'"
        self.events = package("tensorboardX.event_file_writer", spec.label, install)
        self.protos = package("tensorboardX.proto.event_pb2", spec.label, install)
        self.summaries = package("tensorboardX.proto.summary_pb2", spec.label, install)

    def open(self) -> None:
        """Open a file whose first event tells readers to forget the next step and all
        after it, as ``SummaryWriter(purge_step=…)`` does."""
        self.close()
        folder, step = self.folder / self.spec.folder, self.step + 1
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Files are read in the order of their names, which hold the time in whole
            # seconds: the step tells apart two of one second.
            self.writer = self.events.EventsWriter(
                str(folder / "events"), f".{step:012d}"
            )
        except OSError as error:
            raise PolyframeError(
                f"cannot be written: {error.strerror or error}", where=str(folder)
            ) from None
        start = self.protos.SessionLog(status=self.protos.SessionLog.START)
        self.write(step, session_log=start)

    def put(self, values: Mapping[str, int | float]) -> None:
        value = self.summaries.Summary.Value
        each = [value(tag=tag, simple_value=v) for tag, v in values.items()]
        self.write(self.step, summary=self.summaries.Summary(value=each))

    def write(self, step: int, **content: object) -> None:
        """One event, at once."""
        self.writer.write_event(
            self.protos.Event(wall_time=time.time(), step=step, **content)
        )
        self.writer.flush()

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
        self.writer = None

    def __del__(self) -> None:
        self.close()


class Service(Tracker):
    """A tracker that knows a run by an id, which a checkpoint keeps."""

    def __init__(self, spec: CallbackSpec, folder: Path) -> None:
        super().__init__(spec, folder)
        self.module = package(spec.type, spec.label, f"pip install {spec.type}")
        self.run: Any = None
        self.id: str | None = None

    def open(self) -> None:
        try:
            self.begin()
        except Exception as error:
            raise PolyframeError(
                f"could not begin a run: {type(error).__name__}: {error}",
                where=self.spec.label,
            ) from error

    def begin(self) -> None:
        """Start a run, or go on with the one of ``self.id``."""
        raise NotImplementedError

    def close(self) -> None:
        if self.run is not None:
            self.end()
        self.run = None

    def end(self) -> None:
        """The run is over."""
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        return {"run": self.id}

    def restore(self, state: Mapping[str, Any]) -> None:
        (self.id,) = restored(self.spec.label, state, {"run": Maybe(Text())})


class WandbLogger(Service):
    """Runs ``wandb``. The service itself ignores steps it has already."""

    spec: Wandb

    def begin(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.run = self.module.init(
            project=self.spec.project,
            name=self.spec.run,
            dir=str(self.folder.resolve()),
            id=self.id,
            resume="allow" if self.id else None,
        )
        self.id = self.run.id

    def put(self, values: Mapping[str, int | float]) -> None:
        self.run.log(dict(values), step=self.step)

    def end(self) -> None:
        self.run.finish()


class MlflowLogger(Service):
    """Runs ``mlflow``; epochs only, since each call may be a request to a server."""

    spec: Mlflow
    every = 0
    logged = 0
    """The last epoch that the run has already: MLflow would store a second row of it."""

    def begin(self) -> None:
        self.module.set_experiment(self.spec.experiment)
        named = {"run_id": self.id} if self.id else {"run_name": self.spec.run}
        self.run = self.module.start_run(**named)
        self.id = self.run.info.run_id
        self.logged = int(self.run.data.metrics.get("epoch", 0))

    def on_epoch_end(
        self, model: TrainedModel, epoch: int, row: dict[str, float]
    ) -> None:
        if epoch > self.logged:
            self.put({"epoch": epoch, **tags(row)})

    def put(self, values: Mapping[str, int | float]) -> None:
        self.module.log_metrics(dict(values), step=self.step)

    def end(self) -> None:
        self.module.end_run()
