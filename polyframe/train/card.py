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
    if not rows:
        return Card(title)
    few, more = epochs(rows), {}
    if len(few.rows) < len(rows):
        more[f"All {len(rows):,} epochs"] = Card("", table=table(rows))
    return Card(
        title,
        sentences=[f"Stopped: {stopped}"] if stopped else (),
        table=few,
        curves=curves(rows) if len(rows) > 1 else (),
        folded=more,
    )


def epochs(rows: Rows) -> Table:
    """The first and the last rows of a history as a table."""
    return table(excerpt(rows, {}))


def table(rows: Rows) -> Table:
    """Rows of a history as a table; other values than single numbers are left out, and a
    row without any value is a gap."""
    numbers = [scalars(row) for row in rows]
    names = list(dict.fromkeys(name for row in numbers for name in row))
    gap = ("…", *[""] * (len(names) - 1))
    return Table(
        tuple(names),
        tuple(
            Row(
                tuple(shown(n, row[n]) if n in row else "-" for n in names)
                if row
                else gap
            )
            for row in numbers
        ),
    )


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
