"""Values as people read them: numbers of a training, and tables of text."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")
UNSHOWN = ("epoch", "lr", "lr_first", "lr_last")
"""Values of an epoch that its line leaves out."""
NONE = "–"
"""What stands where there is no number."""
FAR = 1000
"""Ratios beyond this, and below its inverse, are not told more exactly."""
FIRST, LAST = 3, 6
"""Rows that are shown of a long table."""


def shown(name: str, value: float) -> str:
    """A value of a training, formatted for people."""
    if name == "epoch":
        return f"{value:.0f}"
    if name.endswith("accuracy"):
        return f"{100 * value:.2f} %"
    if name in ("seconds", "examples_per_sec"):
        return f"{value:,.1f}" if name == "seconds" else f"{value:,.0f}"
    return f"{value:.4g}" if name == "lr" else f"{value:.4f}"


def number(value: float | None, unit: str = "", signed: bool = False) -> str:
    """A number as people read it: points with two decimals, others with four digits, and
    of a ratio (the unit is "×") that is far from 1 only that."""
    if value is None or math.isnan(value):
        return NONE
    if unit == "×" and not 1 / FAR <= value <= FAR:
        return f">{FAR:,}" if value > 1 else f"<{1 / FAR:g}"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    sign = "+" if signed else ""
    if unit == "points":
        return f"{value:{sign}z.2f}"
    if value and not 1e-3 <= abs(value) < 1e6:
        return f"{value:{sign}.2e}"
    decimals = max(0, 3 - math.floor(math.log10(abs(value)))) if value else 0
    text = f"{value:{sign}z,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def is_scalar(value: object) -> bool:
    """Whether a value is one number; a confusion matrix is not."""
    return isinstance(value, (int, float))


def scalars(row: Mapping[str, object]) -> dict[str, int | float]:
    """The numbers of a row, as Python's own; arrays and all else are left out."""
    return {
        name: int(value) if isinstance(value, numbers.Integral) else float(value)
        for name, value in row.items()
        if isinstance(value, numbers.Real) and not isinstance(value, bool)
    }


def shown_all(values: Mapping[str, object]) -> str:
    """``loss 0.0712  accuracy 97.50 %``; other values than single numbers are left out."""
    numbers = {n: v for n, v in values.items() if isinstance(v, (int, float))}
    return "  ".join(f"{name} {shown(name, value)}" for name, value in numbers.items())


def excerpt(rows: Sequence[T], gap: T) -> list[T]:
    """The first and the last rows of a long table, with a ``gap`` between them."""
    if len(rows) <= FIRST + LAST + 1:
        return list(rows)
    return [*rows[:FIRST], gap, *rows[-LAST:]]


def is_number(text: str) -> bool:
    """Whether a cell is a number or empty."""
    try:
        float(text.replace(",", "").removesuffix(" %") or 0)
    except ValueError:
        return text in ("-", "…")
    return True


def numeric(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[bool]:
    """Which columns of a table hold numbers, which are aligned to the right."""
    cells = list(rows)
    return [all(is_number(row[i]) for row in cells) for i in range(len(heads))]


def aligned(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table as lines of text, columns of numbers to the right."""
    lines, numbers = [heads, *rows], numeric(heads, rows)
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    for line in lines:
        cells = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numbers, strict=True)
        )
        yield "  ".join(cells).rstrip()
