"""The one training loop. It knows no framework: a session steps, this counts."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np

from polyframe.backend import Session
from polyframe.batches import Batches
from polyframe.errors import PolyframeError
from polyframe.randomness import order
from polyframe.spec.metrics import Metric
from polyframe.train.history import History, Totals

Arrays = Sequence[np.ndarray]

WAITING = 4
"""How many steps may be under way before the loop waits for the oldest one's loss."""


class Trainable(Protocol):
    """What the loop asks of a model; ``polyframe.model.Model`` has it."""

    session: Session
    metrics: tuple[Metric, ...]
    seed: int
    step: int
    epoch: int
    learning_rate: float

    def stage(self, inputs: Arrays, targets: Arrays, step: int) -> Any:
        """A batch of arranged arrays, with the draws of that step, on the device."""

    def advance(self, batch: Any) -> tuple[Any, Any]:
        """One step on a staged batch; handles of the loss and the outputs."""

    def measure(self, inputs: Arrays, targets: Arrays) -> dict[str, float]:
        """Loss and metrics over prepared arrays."""


def fit(
    model: Trainable,
    inputs: Arrays,
    targets: Arrays,
    epochs: int,
    batch_size: int,
    validation: tuple[Arrays, Arrays] | None,
    callbacks: Sequence[Any],
    shuffle: bool,
) -> History:
    """Train for some epochs; see ``Model.fit``."""
    if not isinstance(epochs, int) or isinstance(epochs, bool) or epochs < 1:
        raise PolyframeError(f"epochs is {epochs!r}; a whole number from 1 is needed")
    steps = len(Batches(inputs, batch_size))
    shown = model.session.arrange(inputs)
    history = History()
    for callback in callbacks:
        callback.on_fit_begin(model, epochs, steps)
    for _ in range(epochs):
        began = time.perf_counter()
        values = run_epoch(model, shown, targets, batch_size, callbacks, shuffle)
        seconds = time.perf_counter() - began
        model.epoch += 1
        row: dict[str, float] = {"epoch": model.epoch, **values}
        if validation is not None:
            held = model.measure(*validation)
            row |= {f"val_{name}": value for name, value in held.items()}
        row["lr"] = model.learning_rate
        row["seconds"] = seconds
        row["examples_per_sec"] = len(inputs[0]) / seconds
        history.rows.append(row)
        for callback in callbacks:
            callback.on_epoch_end(model, model.epoch, row)
    for callback in callbacks:
        callback.on_fit_end(model)
    return history


def run_epoch(
    model: Trainable,
    inputs: Arrays,
    targets: Arrays,
    batch_size: int,
    callbacks: Sequence[Any],
    shuffle: bool,
) -> dict[str, float]:
    """One pass over the data; the mean loss and the metrics of the steps taken."""
    count = len(inputs[0])
    shown = order(model.seed, model.epoch, count) if shuffle else None
    totals = Totals(model.metrics)
    batches = Batches([*inputs, *targets], batch_size, shown)
    first = model.step

    def stage(index: int) -> tuple[Any, Arrays]:
        """Cut a batch and put it on the device."""
        batch = batches[index]
        x, y = batch[: len(inputs)], batch[len(inputs) :]
        return model.stage(x, model.session.arrange(y), first + index), y

    waiting: deque[Any] = deque()
    # One thread prepares the next batch while the framework is at this one.
    with ThreadPoolExecutor(1, "polyframe-batches") as worker:
        ahead = None
        for step in range(len(batches)):
            batch, y = ahead.result() if ahead else stage(step)
            if model.session.stages_ahead and step + 1 < len(batches):
                ahead = worker.submit(stage, step + 1)
            waiting.append((step, *model.advance(batch), y))
            if len(waiting) > WAITING:
                settle(model, waiting.popleft(), totals, callbacks)
        while waiting:
            settle(model, waiting.popleft(), totals, callbacks)
    return totals.values()


def settle(model: Trainable, under_way: Any, totals: Totals, callbacks: Any) -> None:
    """Fetch a step's loss (and outputs, if a metric wants them) and count them."""
    step, loss_handle, outputs, targets = under_way
    loss, size = model.session.read(loss_handle).item(), len(targets[0])
    fetched = []
    if model.metrics:
        several = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        fetched = [model.session.read(output) for output in several]
    totals.add(loss * size, size, fetched, targets if fetched else [])
    for callback in callbacks:
        callback.on_step_end(model, step, loss)
