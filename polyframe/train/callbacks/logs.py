"""Logs in files: a CSV table, lines of JSON.

After a resume each row is in them once: what was written after the checkpoint is removed
before the first step, since these epochs and steps are trained again. A training that
starts from the beginning overwrites an old log of that name.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from polyframe.errors import PolyframeError
from polyframe.io.atomic import write_atomic
from polyframe.io.shown import scalars
from polyframe.io.text import parse_json, read_text
from polyframe.spec.callbacks import CsvLog, JsonLog
from polyframe.train.callbacks.base import Plan, StepEnd
from polyframe.train.callbacks.helpers import SpecCallback, json_line
from polyframe.train.protocol import TrainedModel

LONGEST = 2**20
"""The most bytes that a line of a log may have."""


class CsvLogger(SpecCallback):
    """Runs ``csv_log``. The whole file is replaced, so it never ends within a row."""

    def __init__(self, spec: CsvLog, folder: Path) -> None:
        super().__init__(spec, folder)
        self.path = folder / spec.file
        self.rows: list[dict[str, Any]] = []

    def on_fit_begin(self, model: TrainedModel, plan: Plan) -> None:
        """Keep the rows of the epochs that are done."""
        self.rows = []
        if plan.epoch and self.path.exists():
            self.rows = read_rows(self.path, plan.epoch)
        self.write()

    def on_epoch_end(
        self, model: TrainedModel, epoch: int, row: dict[str, float]
    ) -> None:
        self.rows.append(scalars(row))
        self.write()

    def write(self) -> None:
        """The table; a value that only some epochs have leaves cells empty."""
        columns = dict.fromkeys(name for row in self.rows for name in row)
        text = io.StringIO()
        writer = csv.DictWriter(text, list(columns) or ["epoch"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomic(self.path, text.getvalue())


def read_rows(path: Path, last: int) -> list[dict[str, Any]]:
    """The rows of a log up to that epoch, their cells as they are written."""
    lines = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        heads, *table = [line for line in lines if line]
    except (csv.Error, ValueError):
        damaged(path, "it is not a table")
    if "epoch" not in heads or len(set(heads)) < len(heads):
        damaged(path, "it has no column 'epoch', or a column twice")
    rows = []
    for number, cells in enumerate(table, 2):
        row = dict(zip(heads, cells, strict=False))
        if len(cells) != len(heads) or not row["epoch"].isdecimal():
            damaged(path, f"row {number} has no epoch, or not one cell a column")
        if int(row["epoch"]) <= last:
            rows.append({name: cell for name, cell in row.items() if cell})
    return rows


class JsonLogger(SpecCallback):
    """Runs ``json_log``. Lines are appended and handed to the system one by one, so a
    crash costs at most the line that is being written."""

    def __init__(self, spec: JsonLog, folder: Path) -> None:
        super().__init__(spec, folder)
        self.path = folder / spec.file

    def on_fit_begin(self, model: TrainedModel, plan: Plan) -> None:
        """Keep the lines of the epochs and steps that are done."""
        lines = b""
        if (plan.epoch or plan.step) and self.path.exists():
            lines = b"".join(read_lines(self.path, plan))
        write_atomic(self.path, lines)

    def on_step_end(self, model: TrainedModel, step: StepEnd) -> None:
        if self.spec.every_step:
            self.append(
                {
                    "epoch": step.epoch,
                    "index": step.index,
                    "step": step.step,
                    "loss": step.loss,
                    "lr": step.lr,
                    "samples": step.samples,
                }
            )

    def on_epoch_end(
        self, model: TrainedModel, epoch: int, row: dict[str, float]
    ) -> None:
        self.append(scalars(row))

    def append(self, values: Mapping[str, int | float]) -> None:
        """One more line."""
        try:
            with self.path.open("ab") as file:
                file.write(json_line(values).encode())
        except OSError as error:
            raise PolyframeError(
                f"cannot be written: {error.strerror or error}", where=str(self.path)
            ) from None


def read_lines(path: Path, plan: Plan) -> Iterator[bytes]:
    """The lines of a log from before a plan's start, as they are written.

    A last line that is not JSON is one that a crash cut off; any other is damage.
    """
    number = 0
    try:
        with path.open("rb") as file:
            while line := file.readline(LONGEST):
                number += 1
                last = not line.endswith(b"\n")
                try:
                    values = parse_json(line.decode(), str(path))
                except (PolyframeError, UnicodeDecodeError):
                    if last and len(line) < LONGEST:
                        return
                    damaged(path, f"line {number} is not JSON")
                if not isinstance(values, dict):
                    damaged(path, f"line {number} is not a mapping")
                if is_done(values, plan, path, number):
                    yield line.rstrip(b"\n") + b"\n"
    except OSError as error:
        raise PolyframeError(
            f"cannot be read: {error.strerror}", where=str(path)
        ) from None


def is_done(values: Mapping[str, Any], plan: Plan, path: Path, number: int) -> bool:
    """Whether a line's epoch or step was over when a training of that plan begins."""
    of_step = "step" in values
    epoch, index = values.get("epoch"), values.get("index", 0)
    if type(epoch) is not int or (of_step and type(index) is not int):
        damaged(path, f"line {number} has no epoch, or no index of its step")
    if of_step and epoch == plan.epoch + 1:
        return bool(index < plan.step)
    return bool(epoch <= plan.epoch)


def damaged(path: Path, what: str) -> NoReturn:
    """A log that another program changed, or that never was one."""
    raise PolyframeError(
        f"cannot be continued: {what}",
        where=str(path),
        hint="move it away to go on with a new log",
    )
