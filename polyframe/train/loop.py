"""The one training loop. It knows no framework: a session takes the steps."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

from polyframe.contract.session import Native, StagedBatch, as_sequence
from polyframe.errors import PolyframeError, warn
from polyframe.spec.totals import Row, Totals, check_state
from polyframe.train.callbacks.base import Callback, Plan, StepEnd, StopTraining
from polyframe.train.feed import Batch, Feed, SampleWeighting, batches
from polyframe.train.history import History
from polyframe.train.progress import Progress
from polyframe.train.protocol import Rate, TrainedModel

WAITING = 4
"""How many batches may be under way before the loop waits for the oldest one's loss."""


class Advanced(NamedTuple):
    """A batch that was trained on, handles of its results, and the rate it had."""

    batch: Batch
    loss: Native
    outputs: Native
    learning_rate: float


class Loop:
    """A training under way.

    ``rate`` gives the learning rate of a step by (epochs done, last epoch, rows), or is
    None to leave it alone; ``validate`` evaluates the model on the validation data;
    ``setup`` is what a checkpoint stores of the settings.
    """

    def __init__(
        self,
        model: TrainedModel,
        feed: Feed,
        epochs: int,
        weighting: SampleWeighting | None = None,
        validate: Callable[[], Row] | None = None,
        callbacks: Sequence[Callback] = (),
        rate: Rate | None = None,
        progress: Progress | None = None,
        setup: Mapping[str, Any] | None = None,
    ) -> None:
        self.setup = setup or {}
        self.model, self.engine = model, model.engine
        self.feed, self.epochs = feed, epochs
        self.weighting, self.validate, self.rate = weighting, validate, rate
        self.callbacks = list(callbacks)
        # A callback that has to see the model after each step makes the device wait.
        exact = any(
            not c.tolerates_delay and type(c).on_step_end is not Callback.on_step_end
            for c in callbacks
        )
        self.waiting = 0 if exact else WAITING
        self.history = History(list(progress.rows) if progress else [])
        # Steps of this epoch that are done, and its seconds before a resume.
        self.index = progress.index if progress else 0
        self.seconds = progress.seconds if progress else 0.0
        self.began, self.under_way = 0.0, False  # this epoch, in this process
        self.totals = Totals(self.engine.bound_metrics)
        if progress:
            check_state(self.totals, progress.totals)
            self.totals.restore(progress.totals)
            for key, callback in keyed(self.callbacks).items():
                if key in progress.callbacks:
                    callback.restore(progress.callbacks[key])

    def run(self) -> History:
        """Train to the last epoch, or until a callback ends it."""
        engine, feed = self.engine, self.feed
        last = engine.epoch + self.epochs
        replay = partial(batches, feed, self.weighting) if feed.replayable else None
        plan = Plan(last, feed.steps, feed.batch_size, engine.epoch, self.index, replay)
        try:
            for callback in self.callbacks:
                callback.on_fit_begin(self.model, plan)
            self._pause()
            while engine.epoch < last:
                self._epoch(last)
        except StopTraining as stop:
            self.history.stopped = str(stop)
        finally:
            self.engine.session.forget()
        for callback in self.callbacks:
            callback.on_fit_end(self.model)
        return self.history

    def _epoch(self, last: int) -> None:
        """One epoch, or the steps of it that are left."""
        self.began, self.under_way = time.perf_counter(), True
        engine = self.engine
        # One thread prepares the next batch while the framework trains on this one.
        with ThreadPoolExecutor(1, "polyframe-batches") as worker:
            self._steps(worker, last)
        passed = time.perf_counter() - self.began
        engine.enter(engine.epoch + 1)
        row: Row = {"epoch": engine.epoch, **self.totals.values()}
        if self.validate is not None:
            row |= {f"val_{name}": v for name, v in self.validate().items()}
        row["lr"] = engine.learning_rate
        row["seconds"] = self.seconds + passed
        row["examples_per_sec"] = self.samples / passed
        self.history.rows.append(row)
        self.index, self.seconds, self.totals = (
            0,
            0.0,
            Totals(self.engine.bound_metrics),
        )
        self.under_way = False
        try:
            self._tell(
                lambda callback: callback.on_epoch_end(self.model, engine.epoch, row)
            )
        except StopTraining:
            self._pause()
            raise
        # Not after an error: then some callbacks have not seen this epoch, and after a
        # checkpoint of it they never would.
        self._pause()

    def _steps(self, worker: ThreadPoolExecutor, last: int) -> None:
        engine = self.engine
        self.samples = 0
        source = batches(
            self.feed, self.weighting, engine.epoch, engine.steps_done, self.index
        )
        under_way: deque[Advanced] = deque()
        self.losses: list[float] = []
        for batch, staged in self._staged(source, worker):
            if self.rate is not None and not batch.first:
                at = engine.epoch + batch.index / self._steps_an_epoch()
                rate = self.rate(at, last, self.history.rows)
                if engine.rate_was_set:
                    told = f"{engine.learning_rate:g} was set by hand, but the schedule"
                    warn(f"{told} sets it at each step: {rate:g}", "learning_rate")
                engine.learning_rate, engine.rate_was_set = rate, False
            loss, outputs = engine.advance(staged, batch.last)
            self.samples += batch.size
            under_way.append(Advanced(batch, loss, outputs, engine.learning_rate))
            while len(under_way) > self.waiting:
                self._settle(under_way.popleft())
            if batch.last:
                self.index = batch.index + 1
                if any(c.wants_pause(engine.steps_done) for c in self.callbacks):
                    while under_way:
                        self._settle(under_way.popleft())
                    self._pause()
        while under_way:
            self._settle(under_way.popleft())

    def _steps_an_epoch(self) -> int:
        if self.feed.steps is None:
            raise PolyframeError(
                "a schedule needs to know how many steps an epoch has",
                where="fit",
                hint="steps_per_epoch says it",
            )
        return self.feed.steps

    def _staged(
        self, source: Iterator[Batch], worker: ThreadPoolExecutor
    ) -> Iterator[tuple[Batch, StagedBatch]]:
        """Batches and their staged form, one ahead in a thread where that pays."""
        engine, ahead = self.engine, self.engine.session.stages_ahead

        def prepare() -> tuple[Batch, StagedBatch | None] | None:
            batch = next(source, None)
            if batch is None:
                return None
            return batch, engine.stage(batch) if ahead else None

        waiting: Future[tuple[Batch, StagedBatch | None] | None] | None = None
        threaded = ahead or self.feed.heavy
        while True:
            prepared = waiting.result() if waiting else prepare()
            if prepared is None:
                return
            waiting = worker.submit(prepare) if threaded else None
            batch, staged = prepared
            yield batch, engine.stage(batch) if staged is None else staged

    def _settle(self, step: Advanced) -> None:
        """Fetch a batch's loss (and outputs, if a metric wants them) and count them."""
        batch, session = step.batch, self.engine.session
        self.losses.append(session.read(step.loss).item())
        if self.engine.bound_metrics:
            outputs = [session.read(output) for output in as_sequence(step.outputs)]
            self.totals.add(outputs, batch.part.targets, batch.part.weights)
        if not batch.last:
            return
        loss, self.losses = sum(self.losses), []
        self.totals.add_loss(loss * batch.count, batch.count)
        end = StepEnd(
            self.engine.epoch + 1, batch.index, batch.step + 1, loss,
            step.learning_rate, batch.count,
        )  # fmt: skip
        self._tell(lambda callback: callback.on_step_end(self.model, end))

    def _tell(self, call: Callable[[Callback], None]) -> None:
        """Tell all callbacks; one that ends the training does so after the others."""
        stop: StopTraining | None = None
        for callback in self.callbacks:
            try:
                call(callback)
            except StopTraining as request:
                stop = stop or request
        if stop is not None:
            raise stop

    def _pause(self) -> None:
        """Let callbacks look at weights and state between two steps; all steps' results
        have been fetched."""
        self._tell(lambda callback: callback.on_pause(self.model, self.progress))

    def progress(self) -> Progress:
        """The progress of this training."""
        passed = time.perf_counter() - self.began if self.under_way else 0.0
        return Progress(
            epoch=self.engine.epoch,
            index=self.index,
            step=self.engine.steps_done,
            learning_rate=self.engine.learning_rate,
            seconds=self.seconds + passed,
            rows=list(self.history.rows),
            totals=dict(self.totals.state()),
            callbacks={
                key: state
                for key, c in keyed(self.callbacks).items()
                if (state := c.state())
            },
            setup=self.setup,
        )


def keyed(callbacks: Sequence[Callback]) -> dict[str, Callback]:
    """Callbacks by the name of their class; further ones of a class have a number."""
    by_name: dict[str, Callback] = {}
    for callback in callbacks:
        name = type(callback).__name__
        same = sum(type(c).__name__ == name for c in by_name.values())
        by_name[f"{name}{same + 1}" if same else name] = callback
    return by_name
