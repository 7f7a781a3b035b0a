"""How a training shows itself on stderr: a bar on a terminal, lines in a pipe."""

from __future__ import annotations

import time
from typing import Any

import click

from polyframe.cli.output import figures
from polyframe.train import Callback


class Lines(Callback):
    """One plain line an epoch."""

    epochs = 0

    def on_fit_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Say what is trained, and where."""
        self.epochs = epochs
        self.write(
            f"{model.spec.name} on {model.backend.title}, device {model.device}, "
            f"{model.dtype}: {model.graph.num_parameters:,} parameters"
        )

    def on_epoch_end(self, model: Any, epoch: int, row: dict[str, float]) -> None:
        """Say what came of an epoch."""
        shown = {key: value for key, value in row.items() if key not in ("epoch", "lr")}
        self.write(f"epoch {epoch}/{self.epochs}  {figures(shown)}")

    def write(self, line: str) -> None:
        """One line on stderr."""
        click.echo(line, err=True)

    def close(self) -> None:
        """Called at the end, whatever the end was."""


class Bar(Lines):
    """A progress bar over all steps; the line of each epoch stands above it."""

    def __init__(self, batch_size: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.batch_size, self.began = batch_size, 0.0
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%  {task.fields[note]} "),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=Console(stderr=True),
            transient=True,
        )
        self.task = self.progress.add_task("preparing", total=None, note="")

    def on_fit_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Show the bar."""
        super().on_fit_begin(model, epochs, steps)
        self.progress.start()
        self.progress.update(self.task, total=epochs * steps)
        self.steps = steps
        self.began = time.perf_counter()

    def on_step_end(self, model: Any, step: int, loss: float) -> None:
        """Move it on. The last batch may be smaller, which the rate does not mind."""
        rate = (step + 1) * self.batch_size / (time.perf_counter() - self.began)
        self.progress.update(
            self.task,
            advance=1,
            description=f"epoch {model.epoch + 1}/{self.epochs} step {step + 1}"
            f"/{self.steps}",
            note=f"loss {loss:.4f}  {rate:,.0f} examples/s",
        )

    def on_epoch_end(self, model: Any, epoch: int, row: dict[str, float]) -> None:
        """Write the epoch's line above the bar."""
        super().on_epoch_end(model, epoch, row)
        self.began = time.perf_counter()

    def write(self, line: str) -> None:
        """One line on stderr, above the bar."""
        self.progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Take the bar away."""
        self.progress.stop()
