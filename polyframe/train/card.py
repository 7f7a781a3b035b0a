"""A history as it shows itself: a table of its epochs, and curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from polyframe.io.cards import Card, Row, Table
from polyframe.io.curves import Curves
from polyframe.io.shown import excerpt, scalars, shown

VALIDATION = "val_"
"""What the names of values on validation data begin with."""
MEASURED = ("seconds", "examples_per_sec", "lr", "lr_first", "lr_last", "epoch")
"""Values of an epoch that say nothing of the model's quality."""
Rows = Sequence[Mapping[str, object]]


def card(title: str, rows: Rows, stopped: str | None = None) -> Card:
    """What a history shows: its first and last epochs, and a curve for each value; all
    epochs where there are more."""
    lines = table_lines(rows)
    if lines is None:
        return Card(f"{title}: no epoch has ended")
    heads, cells = lines
    few = excerpt(cells)
    more = {}
    if len(few) < len(cells):
        more[f"All {len(cells)} epochs"] = Card("", table=table(heads, cells))
    return Card(
        title,
        sentences=[f"Stopped: {stopped}"] if stopped else (),
        table=table(heads, few),
        curves=curves(rows) if len(cells) > 1 else (),
        folded=more,
    )


def epochs(rows: Rows) -> Table | None:
    """The first and the last rows of a history as a table; None without any."""
    lines = table_lines(rows)
    return lines and table(lines[0], excerpt(lines[1]))


def table(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> Table:
    """A table of texts."""
    return Table(tuple(heads), tuple(Row(tuple(line)) for line in cells))


def table_lines(rows: Rows) -> tuple[list[str], list[list[str]]] | None:
    """Heads and cells of all rows; other values than single numbers are left out."""
    numbers = [scalars(row) for row in rows]
    names = list(dict.fromkeys(name for row in numbers for name in row))
    if not names:
        return None
    cells = [[shown(n, row[n]) if n in row else "-" for n in names] for row in numbers]
    return names, cells


def series(rows: Rows) -> dict[str, dict[str, list[float]]]:
    """Value → its columns: on the training data and, where there are any, on the
    validation data, under their own names; NaN where an epoch has none."""
    numbers = [scalars(row) for row in rows]
    found: dict[str, dict[str, list[float]]] = {}
    for name in dict.fromkeys(name for row in numbers for name in row):
        value = name.removeprefix(VALIDATION)
        if value not in MEASURED:
            column = [float(row.get(name, math.nan)) for row in numbers]
            found.setdefault(value, {})[name] = column
    return found


def steps(rows: Rows) -> list[int]:
    """The epochs' numbers."""
    return [int(scalars(row).get("epoch", i)) for i, row in enumerate(rows, 1)]


def curves(rows: Rows) -> list[Curves]:
    """A small picture for each value."""
    return [Curves(value, lines, steps(rows)) for value, lines in series(rows).items()]
