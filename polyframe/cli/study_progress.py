"""The progress of a study on stderr: a live table on a terminal, lines in a pipe."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from polyframe.cli.output import safe
from polyframe.io.shown import shown
from polyframe.study.estimate import Estimator
from polyframe.study.jobs import Message
from polyframe.study.plan import Cell, Contestant, Study
from polyframe.study.records import Record
from polyframe.study.run import Watch
from polyframe.train.callbacks.bars import duration

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

FEWEST = 5
"""Rows of the table that even a low terminal shows."""
AROUND = 9
"""Lines of the terminal that the table's head, its end and messages take."""


@dataclass
class Row:
    """A contestant and a variant: what of its cells is known."""

    total: int = 0
    done: int = 0
    failed: int = 0
    now: str = ""
    last: str = ""
    changed: float = field(default=0.0)

    @property
    def finished(self) -> bool:
        """Whether all its cells ended."""
        return self.done + self.failed >= self.total


class Lines(Watch):
    """A line for each contestant and each cell that ended."""

    study: Study
    pace: Estimator

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Row] = {}
        self.left: dict[tuple[str, str, int], Cell] = {}
        self.cells, self.metric = 0, "loss"

    def say(self, text: str) -> None:
        """One line on stderr."""
        click.echo(safe(text), err=True)

    def contestant(self, contestant: Contestant, told: Message) -> None:
        """Print the versions that take part."""
        self.say(
            f"{contestant.name}: {told.get('framework')} {told.get('version')}, Python "
            f"{told.get('python')}, polyframe {told.get('polyframe')}"
        )

    def planned(self, study: Study, left: Sequence[Cell], pace: Estimator) -> None:
        """Print how many cells are left, and how long they take."""
        self.study, self.pace = study, pace
        self.left = {cell.key: cell for cell in left}
        metrics = study.recipe.metrics
        self.metric = metrics[0].key if metrics else "loss"
        for cell in study.cells():
            row = self.rows.setdefault(cell.key[:2], Row())
            row.total += 1
            row.done += cell.key not in self.left
            self.cells += 1
        done = self.cells - len(left)
        kept = f" ({done:,} of {self.cells:,} are kept)" if done else ""
        time_left = f", about {self.time_left()}" if left else ""
        self.say(f"{len(left):,} cells to run{kept}{time_left}")

    def said(self, cell: Cell, message: Message) -> None:
        """Remember the epoch that a cell is in."""
        if message.get("event") == "epoch":
            row = self.rows[cell.key[:2]]
            row.now = f"{message.get('epoch'):.0f}/{message.get('of')}"
            row.last = self.result(message)
            row.changed = time.monotonic()

    def ended(self, cell: Cell, record: Record) -> None:
        """Print how a cell ended, and what is left."""
        row = self.rows[cell.key[:2]]
        row.now, row.changed = "", time.monotonic()
        if record.done:
            row.done += 1
            row.last = self.result({f"test_{k}": v for k, v in record.test.items()})
        else:
            row.failed += 1
        self.pace.add(record)
        self.left.pop(cell.key, None)
        name, variant, seed = cell.key
        number = self.cells - len(self.left)
        if record.done:
            seconds = record.resources.get("wall_seconds") or 0.0
            result = ", ".join(filter(None, (row.last, f"{seconds:.1f} s")))
        else:
            result = f"{record.status}: {record.error}"
        end = f", {self.time_left()} left" if self.left else ""
        text = f"{number}/{self.cells}  {name}, {variant}, seed {seed}: {result}{end}"
        self.cell_line(text, record)

    def cell_line(self, text: str, record: Record) -> None:
        """Print the line of a cell that ended."""
        self.say(text)

    def result(self, values: Message) -> str:
        """``accuracy 97.50 %``, of the test data; the loss of a variant that has not that
        metric, and "" where neither is known."""
        metric = self.metric if f"test_{self.metric}" in values else "loss"
        value = values.get(f"test_{metric}")
        if not isinstance(value, (int, float)) or math.isnan(value):
            return ""
        return f"{metric.replace('_', ' ')} {shown(metric, value)}"

    def time_left(self) -> str:
        """``1:23:45``, for the cells that are left, one after the other."""
        return duration(self.pace.total(self.left.values()))

    def close(self) -> None:
        """Called at the end, also after an error."""


class Silent(Lines):
    """Nothing but errors."""

    def say(self, text: str) -> None:
        """Nothing."""

    def cell_line(self, text: str, record: Record) -> None:
        """Print what failed."""
        if not record.done:
            click.echo(safe(text), err=True)


class LiveTable(Lines):
    """A table with a row for each contestant and variant; failures stay above it."""

    def __init__(self, console: Console | None = None) -> None:
        super().__init__()
        from rich.console import Console
        from rich.live import Live

        self.console = console or Console(stderr=True)
        self.live = Live(
            console=self.console,
            refresh_per_second=4,
            get_renderable=self.table,
            transient=False,
        )
        self.until = time.monotonic()

    def planned(self, study: Study, left: Sequence[Cell], pace: Estimator) -> None:
        """Show the table."""
        super().planned(study, left, pace)
        if left:
            self.until = time.monotonic() + pace.total(left)
            self.live.start()

    def ended(self, cell: Cell, record: Record) -> None:
        """Update the row."""
        super().ended(cell, record)
        self.until = time.monotonic() + self.pace.total(self.left.values())

    def cell_line(self, text: str, record: Record) -> None:
        """A cell that failed is told; the others are in the table."""
        if not record.done:
            self.say(text)

    def say(self, text: str) -> None:
        """One line on stderr, above the table."""
        self.console.print(safe(text), markup=False, highlight=False, soft_wrap=True)

    def table(self) -> Table:
        """What is known now; rows where something happens come first if there is no room
        for all."""
        from rich.table import Table
        from rich.text import Text

        done = self.cells - len(self.left)
        left = duration(max(self.until - time.monotonic(), 0)) if self.left else "0:00"
        caption = f"{done:,} of {self.cells:,} cells, {left} left"
        table = Table(caption=caption, caption_justify="left")
        for head, justify in HEADS:
            table.add_column(head, justify="right" if justify else "left")
        room = max(self.console.height - AROUND, FEWEST)
        for (name, variant), row in self.visible(room):
            table.add_row(
                Text(safe(name)),
                Text(safe(variant)),
                f"{row.done}/{row.total}",
                Text(str(row.failed), style="red" if row.failed else ""),
                row.now or ("-" if not row.finished else ""),
                row.last or "-",
            )
        if len(self.rows) > room:
            table.add_row("…", f"{len(self.rows) - room} more", "", "", "", "")
        return table

    def visible(self, room: int) -> Iterable[tuple[tuple[str, str], Row]]:
        """The rows that are shown, in the plan's order."""
        rows = list(self.rows.items())
        if len(rows) <= room:
            return rows
        newest = sorted(rows, key=lambda item: -item[1].changed)[:room]
        keys = {key for key, _ in newest}
        return [item for item in rows if item[0] in keys]

    def close(self) -> None:
        """Leave the table as it is."""
        self.live.stop()


HEADS = (
    ("contestant", False),
    ("variant", False),
    ("cells", True),
    ("failed", True),
    ("epoch", True),
    ("last test result", True),
)
"""The table's columns, and whether they are numbers."""
