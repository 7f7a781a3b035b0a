"""The progress of a training: a bar on a terminal, lines in a pipe (``notebook``: a bar
in a notebook).

Neither reads a value from the device: they show the losses that the loop has fetched.
"""

from __future__ import annotations

import math
import sys
from time import perf_counter
from typing import TYPE_CHECKING

from polyframe.io.shown import UNSHOWN, scalars, shown_all
from polyframe.train.callbacks.base import Callback, Plan, StepEnd
from polyframe.train.protocol import TrainedModel

if TYPE_CHECKING:
    from rich.console import Console

EVERY = 30.0
"""Seconds after which a long epoch prints a line in a pipe."""
MEMORY = 0.98
"""The weight of earlier losses in the smoothed loss."""


class Pace:
    """Smoothed loss, examples per second and time left.

    The loss is the mean ``Σ mᵏ·loss / Σ mᵏ`` over the finite losses so far, where k is
    the number of steps since then and m = 0.98. The speed is that of the epoch's steps
    since its first loss arrived: it excludes compilation and validation, but the time
    left includes validation. A value that is not known yet is that of the epoch before.
    """

    def __init__(self, plan: Plan) -> None:
        self.epochs, self.steps = plan.epochs, plan.steps
        self.sum = self.weight = 0.0
        self.first: tuple[float, int] | None = (
            None  # the epoch's first loss: time, index
        )
        self.samples = 0  # since then
        self.last = 0.0  # when the last loss arrived
        self.step_seconds: float | None = None
        self.rate: float | None = None
        self.between = 0.0  # seconds from an epoch's last loss to its end
        self.now = StepEnd(plan.epoch + 1, plan.step - 1, 0, math.nan, 0.0, 0)

    def step(self, step: StepEnd) -> None:
        """Record a step whose loss has arrived."""
        self.now, self.last = step, perf_counter()
        if math.isfinite(step.loss):
            self.sum = MEMORY * self.sum + step.loss
            self.weight = MEMORY * self.weight + 1
        if self.first is None:
            self.first, self.samples = (self.last, step.index), 0
            return
        self.samples += step.samples
        seconds, steps = self.last - self.first[0], step.index - self.first[1]
        if seconds > 0 and steps > 0:
            self.rate, self.step_seconds = self.samples / seconds, seconds / steps

    def epoch(self) -> None:
        """Record the end of an epoch and its validation; now its steps are known."""
        if self.first is not None:
            self.between = perf_counter() - self.last
            self.steps = self.now.index + 1
        self.first = None

    @property
    def loss(self) -> float:
        """The smoothed loss, or the last loss if that is not finite."""
        finite = self.weight and math.isfinite(self.now.loss)
        return self.sum / self.weight if finite else self.now.loss

    @property
    def done(self) -> int:
        """Steps done, including those before a resume."""
        return (self.now.epoch - 1) * (self.steps or 0) + self.now.index + 1

    @property
    def left(self) -> float | None:
        """Seconds until the end of the last epoch; None if unknown."""
        if self.step_seconds is None or self.steps is None:
            return None
        steps = max(self.epochs * self.steps - self.done, 0)
        ends = self.epochs - self.now.epoch + 1
        return steps * self.step_seconds + ends * self.between

    def position(self) -> str:
        """``epoch 2/5 step 17/390``."""
        of = "" if self.steps is None else f"/{self.steps}"
        return f"epoch {self.now.epoch}/{self.epochs} step {self.now.index + 1}{of}"

    def text(self) -> str:
        """``loss 0.1234  1,234 examples/s  0:12 left``."""
        parts = [f"loss {self.loss:.4f}"]
        if self.rate is not None:
            parts.append(f"{self.rate:,.0f} examples/s")
        if self.left is not None:
            parts.append(f"{duration(self.left)} left")
        return "  ".join(parts)


def duration(seconds: float) -> str:
    """``0:07``, ``12:07``, ``3:12:07``."""
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Lines(Callback):
    """One line for each epoch, and one each half minute in a long epoch."""

    tolerates_delay = True
    pace: Pace
    said = 0.0

    def on_fit_begin(self, model: TrainedModel, plan: Plan) -> None:
        """Print what is trained, where, and from which step on."""
        self.pace, self.said = Pace(plan), perf_counter()
        self.write(
            f"{model.spec.name} on {model.backend.title}, device {model.device}, "
            f"{model.dtype}: {model.graph.num_parameters:,} parameters"
        )
        if plan.epoch or plan.step:
            at = f", step {plan.step + 1}" if plan.step else ""
            self.write(f"resumes at epoch {plan.epoch + 1}{at}")

    def on_step_end(self, model: TrainedModel, step: StepEnd) -> None:
        """Print the progress of a long epoch."""
        self.pace.step(step)
        if perf_counter() - self.said >= EVERY:
            self.write(f"{self.pace.position()}  {self.pace.text()}")

    def on_epoch_end(
        self, model: TrainedModel, epoch: int, row: dict[str, float]
    ) -> None:
        """Print the results of an epoch."""
        self.pace.epoch()
        shown = {k: v for k, v in scalars(row).items() if k not in UNSHOWN}
        self.write(f"epoch {epoch}/{self.pace.epochs}  {shown_all(shown)}")

    def write(self, line: str) -> None:
        """One line on stderr."""
        self.said = perf_counter()
        print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Called at the end, also after an error."""


class Bar(Lines):
    """A progress bar over all steps, below the lines of the epochs. In the first epoch it
    shows no percentage if the number of steps is unknown."""

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        console = console or Console(stderr=True)
        text = (
            "epoch 10/10 step 1000/1000 100%  loss 0.1234  12,345 examples/s  1:00:00"
        )
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=max(5, min(40, console.width - len(text) - 9))),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            transient=True,
        )
        self.task = self.progress.add_task("preparing", total=None, note="")

    def on_fit_begin(self, model: TrainedModel, plan: Plan) -> None:
        """Show the bar at the current progress of the training."""
        super().on_fit_begin(model, plan)
        self.show("")
        self.progress.start()

    def on_step_end(self, model: TrainedModel, step: StepEnd) -> None:
        """Update the bar."""
        self.pace.step(step)
        self.show(self.pace.text())

    def show(self, text: str) -> None:
        """Update the bar from the pace."""
        total = self.pace.steps and self.pace.epochs * self.pace.steps
        share = f"{100 * self.pace.done / total:3.0f}%  " if total else ""
        self.progress.update(
            self.task,
            description=self.pace.position(),
            completed=self.pace.done,
            total=total,
            note=share + text,
        )

    def write(self, line: str) -> None:
        """One line on stderr, above the bar."""
        self.progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Remove the bar."""
        self.progress.stop()
