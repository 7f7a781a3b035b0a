"""The progress of ``fit``: what ``verbose`` asks for, and the bar in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter

from polyframe.errors import PolyframeError, brief
from polyframe.io.cards import Card, Displayed, Meter
from polyframe.train.callbacks.bars import Bar, Lines
from polyframe.train.callbacks.base import Plan, StepEnd
from polyframe.train.card import epochs
from polyframe.train.protocol import TrainedModel

REFRESH = 0.25
"""Seconds that pass at least between two messages to a notebook."""
QUIET, LINES = 0, 2
ALLOWED = ("auto", QUIET, 1, LINES)
"""What ``verbose`` may be."""


@contextmanager
def closing_all(watchers: Sequence[Lines]) -> Iterator[None]:
    """Close them at the end, also after an error."""
    try:
        yield
    finally:
        for watcher in watchers:
            watcher.close()


def watchers_for(verbose: bool | int | str) -> list[Lines]:
    """The callbacks that show a training as ``verbose`` asks (see ``Model.fit``);
    PolyframeError for what it cannot be."""
    if not isinstance(verbose, (int, str)) or verbose not in ALLOWED:
        raise PolyframeError(
            f"verbose is {brief(verbose)}; 'auto', 0 (nothing), 1 (a bar) or 2 (a line an "
            "epoch) is needed"
        )
    if verbose == QUIET or (verbose == "auto" and not somebody_waits()):
        return []
    if verbose == LINES:
        return [Lines()]
    if in_notebook():
        return [NotebookBar()]
    return [Bar() if sys.stderr.isatty() else Lines()]


def somebody_waits() -> bool:
    """Whether a person has called ``fit`` from a notebook, or from the prompt of Python or
    IPython on a terminal; a script or a test has not."""
    return in_notebook() or (hasattr(sys, "ps1") and sys.stderr.isatty())


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return hasattr(shell, "kernel")


class NotebookBar(Lines, Displayed):
    """A bar over all steps in the output of a notebook's cell, with a row for each epoch
    above it; at the end the rows stay. It needs no widgets: one output is replaced, at
    most every quarter of a second."""

    def __init__(self) -> None:
        self.head: list[str] = []
        self.rows: list[dict[str, float]] = []
        self.running = False
        self.shown_at = -REFRESH

    def on_fit_begin(self, model: TrainedModel, plan: Plan) -> None:
        """Show what is trained, where, and the bar."""
        from IPython.display import display

        super().on_fit_begin(model, plan)
        self.running = True
        self.handle = display(self, display_id=True)

    def on_step_end(self, model: TrainedModel, step: StepEnd) -> None:
        """Replace the output where it is older than a quarter of a second."""
        self.pace.step(step)
        if perf_counter() - self.shown_at >= REFRESH:
            self.show()

    def on_epoch_end(
        self, model: TrainedModel, epoch: int, row: dict[str, float]
    ) -> None:
        """One more row."""
        self.pace.epoch()
        self.rows.append(row)
        if perf_counter() - self.shown_at >= REFRESH:
            self.show()

    def write(self, line: str) -> None:
        """One line above the rows."""
        self.head.append(line)

    def show(self) -> None:
        """Replace the output."""
        self.shown_at = perf_counter()
        if self.handle is not None:
            self.handle.update(self)

    def close(self) -> None:
        """Take the bar away; the rows stay."""
        if self.running:
            self.running = False
            self.show()

    def _card(self) -> Card:
        title, *more = self.head
        pace, meter = self.pace, None
        if self.running:
            total = pace.steps and pace.epochs * pace.steps
            meter = Meter(pace.done, total, f"{pace.position()}  {pace.text()}")
        return Card(
            title,
            sentences=more,
            table=epochs(self.rows) if self.rows else None,
            meter=meter,
        )
