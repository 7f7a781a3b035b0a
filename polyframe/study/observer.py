"""What looks at a cell's training while it runs: the test data after each epoch, the time
of each step, the weights at some steps. Its own work is not counted as training."""

from __future__ import annotations

import hashlib
import itertools
import time
from array import array
from collections.abc import Callable, Sequence

import numpy as np

from polyframe.compiler.program import Program
from polyframe.io.shown import scalars
from polyframe.spec.totals import Row
from polyframe.study.jobs import Message
from polyframe.train.callbacks.base import Callback, Plan, StepEnd
from polyframe.train.feed import Batch
from polyframe.train.loop import WAITING
from polyframe.train.progress import Progress
from polyframe.train.protocol import TrainedModel

MOST_STEPS = 1000
"""How many step times are kept."""
MOST_WEIGHTS = 256
"""How many weights are followed."""
ORDERED, AUGMENTED = 16, 4
"""Of how many batches the order is hashed, and of how many the augmentation."""
STEADY = 10
"""The steps after which the speed is steady, where there is one epoch only."""


class Observer(Callback):
    """Measures a training; the numbers are complete once it has ended.

    - ``evaluate``: loss and metrics on the test data, called before the first step and
      after each epoch. ``tell``: called with each row.
    - ``divergence``: whether values of the weights are kept at steps 1, 2, 4, ….

    ``rows`` has a row an epoch (see ``Record.epochs``); ``seconds`` of training so far,
    ``first_step`` of these, and ``evaluating``: the seconds in which test data, and the
    recipe's own validation data, were evaluated.
    """

    tolerates_delay = True

    def __init__(
        self,
        evaluate: Callable[[], Row],
        tell: Callable[[Message], None],
        divergence: bool = False,
    ) -> None:
        self.evaluate, self.tell, self.follows = evaluate, tell, divergence
        self.rows: list[dict[str, float]] = []
        self.divergence: list[tuple[int, list[float]]] = []
        self.order_hash = self.augmentation_hash = ""
        self.program: Program | None = None  # what ran: it may depend on the data
        self.seconds = self.evaluating = 0.0
        self.first_step: float | None = None
        self.epochs, self.samples, self.first_samples = 0, 0, 0
        # When the loss of each step arrived; a new run of them begins at each pause.
        self.ticks: list[array[float]] = [array("d")]
        self.warm: tuple[float, int] | None = None  # seconds and samples so far
        self.first_epoch: tuple[float, int] | None = None
        self.began = 0.0  # the first step, and each epoch
        self.in_epoch, self.paused = False, 0.0

    def on_fit_begin(self, model: TrainedModel, plan: Plan) -> None:
        """Evaluate the initial weights, and hash the order of the samples."""
        self.epochs, self.program = plan.epochs, model.program
        if plan.replay is not None:
            first = itertools.islice(plan.replay(plan.epoch, plan.step, 0), ORDERED)
            self.order_hash, self.augmentation_hash = hashes_of(list(first))
        self._add(model, {"epoch": 0, "steps": 0, "seconds": 0.0})

    def wants_pause(self, step: int) -> bool:
        """After the first step, so that its time is its own, and at powers of two."""
        return step == 1 or (self.follows and step & (step - 1) == 0)

    def on_pause(self, model: TrainedModel, progress: Callable[[], Progress]) -> None:
        """Look at the time, and at the weights."""
        step = model.steps_done
        if step == 1 and self.first_step is None:
            model.engine.session.wait()
            self.first_step = time.perf_counter() - self.began
            self.first_samples = self.samples
        began = time.perf_counter()
        known = self.divergence[-1][0] if self.divergence else 0
        if step > known and self.follows and step & (step - 1) == 0:
            self.divergence.append((step, some_weights(model)))
        self.ticks.append(array("d"))
        now = time.perf_counter()
        if self.in_epoch:
            self.paused += now - began
        else:
            self.began = now

    def on_step_end(self, model: TrainedModel, step: StepEnd) -> None:
        """Note the time."""
        now = time.perf_counter()
        self.in_epoch = True
        self.ticks[-1].append(now)
        self.samples += step.samples
        if step.step == STEADY:
            self.warm = now, self.samples

    def on_epoch_end(
        self, model: TrainedModel, epoch: int, row: dict[str, float]
    ) -> None:
        """Evaluate. The loop's seconds of an epoch end before anything is evaluated; what
        the device is still doing is waited for."""
        ended = time.perf_counter()
        self.evaluating += ended - self.began - row["seconds"]
        model.engine.session.wait()
        waited = time.perf_counter() - ended
        self.seconds += row["seconds"] - self.paused + waited
        self.in_epoch, self.paused = False, 0.0
        if self.first_epoch is None:
            self.first_epoch = self.seconds, self.samples
        if self.first_step is None:  # an epoch that ended before a pause
            self.first_step, self.first_samples = self.seconds, self.samples
        done = {"epoch": epoch, "steps": model.steps_done, "seconds": self.seconds}
        self._add(model, {**done, "loss": float(row["loss"])})

    def _add(self, model: TrainedModel, row: dict[str, float]) -> None:
        """Keep a row with the measures of the test data."""
        began = time.perf_counter()
        measured = scalars(self.evaluate())
        self.evaluating += time.perf_counter() - began
        row |= {f"test_{name}": value for name, value in measured.items()}
        self.rows.append(row)
        self.tell({"event": "epoch", "of": self.epochs, **row})

    # --- what was measured -------------------------------------------------------

    @property
    def test(self) -> dict[str, float]:
        """Loss and metrics of the test data after the last epoch."""
        last = self.rows[-1] if self.rows else {}
        return {
            name.removeprefix("test_"): value
            for name, value in last.items()
            if name.startswith("test_")
        }

    def steps_of(self) -> list[float]:
        """The times of steps in milliseconds, at most ``MOST_STEPS``, evenly thinned.

        Losses arrive a few steps late and, before a pause, the last ones together: a
        time is from one loss to the next within a run of steps, without the last ones.
        """
        runs = [np.diff(ticks[: -WAITING or None]) for ticks in self.ticks[1:]]
        steady = np.concatenate(runs) if runs else np.empty(0)
        chosen = spread(len(steady), MOST_STEPS)
        return [1000 * float(each) for each in steady[chosen]]

    def examples_per_second(self) -> float | None:
        """Examples a second after the first epoch; of one epoch alone, after ten steps or
        after the first one; None of a single step."""
        seconds, samples = 0.0, 0
        if self.first_epoch is not None and len(self.rows) > 2:
            first_seconds, first_samples = self.first_epoch
            seconds, samples = (
                self.seconds - first_seconds,
                self.samples - first_samples,
            )
        elif self.warm is not None and self.samples > self.warm[1]:
            seconds = max(ticks[-1] for ticks in self.ticks if ticks) - self.warm[0]
            samples = self.samples - self.warm[1]
        elif self.first_step is not None:
            seconds = self.seconds - self.first_step
            samples = self.samples - self.first_samples
        return samples / seconds if samples and seconds > 0 else None


def spread(count: int, most: int) -> list[int]:
    """At most that many of ``count`` indices, evenly spaced from the first to the last."""
    if count <= most:
        return list(range(count))
    return [int(i) for i in np.linspace(0, count - 1, most).round()]


def hashes_of(batches: Sequence[Batch]) -> tuple[str, str]:
    """SHA-256 of the order of the samples, as their targets tell it, and of what the
    augmentation made of the first ones: of a sum over their numbers, each with a factor
    of its own, to five digits, since NumPy may round otherwise on another processor.
    Without augmentation inputs are in the framework's layout, and are left out."""
    order, augmentation = hashlib.sha256(), hashlib.sha256()
    for number, batch in enumerate(batches):
        for target in batch.part.targets:
            order.update(f"{target.dtype.str}{target.shape}".encode())
            order.update(np.ascontiguousarray(target).tobytes())
        if number < AUGMENTED and not batch.part.arranged:
            for x in batch.part.inputs:
                factors = 1 + np.cos(np.arange(x.size)).reshape(x.shape)
                total = float((np.abs(x, dtype=np.float64) * factors).mean())
                augmentation.update(f"{x.shape} {total:.5g}".encode())
    return order.hexdigest(), augmentation.hexdigest()


def some_weights(model: TrainedModel) -> list[float]:
    """The values of up to ``MOST_WEIGHTS`` weights, evenly spaced over all that are
    trained, in the order of the spec: the same ones on every backend."""
    weights = model.weights()
    known = model.spec.infer().parameters.items()
    names = [name for name, parameter in known if parameter.trainable]
    sizes = [weights[name].size for name in names]
    ends = np.cumsum(sizes)
    values = []
    for index in spread(int(ends[-1]) if names else 0, MOST_WEIGHTS):
        number = int(np.searchsorted(ends, index, side="right"))
        offset = index - int(ends[number] - sizes[number])
        values.append(float(weights[names[number]].reshape(-1)[offset]))
    return values
