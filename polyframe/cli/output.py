"""Output of commands: tables on a terminal, plain lines in a pipe."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

MOST_COLUMNS = 100
"""Longer lines are hard to read, however wide a terminal is."""


def print_json(data: object) -> None:
    """Print data as JSON, for other programs."""
    from polyframe.io.json_csv import to_json

    click.echo(to_json(data), nl=False)


def print_table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: str | None = None,
    light: bool = False,
) -> None:
    """Print a table: drawn on a terminal, aligned columns in a pipe.

    Columns of numbers are aligned to the right. ``light``: with a line below the heads
    only, which leaves room for more columns.
    """
    numbers = [all(is_number(row[i]) for row in rows) for i in range(len(heads))]
    if sys.stdout.isatty():
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(title=title, title_justify="left")
        if light:
            table.box, table.pad_edge, table.collapse_padding = (
                box.SIMPLE_HEAD,
                False,
                True,
            )
        for head, right in zip(heads, numbers, strict=True):
            table.add_column(head, justify="right" if right else "left")
        for row in rows:
            table.add_row(*map(Text, row))  # Text: brackets are not markup
        Console().print(table)
        return
    if title:
        click.echo(title)
    texts = [heads, *rows]
    widths = [max(len(line[i]) for line in texts) for i in range(len(heads))]
    for line in texts:
        cells = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numbers, strict=True)
        )
        click.echo("  ".join(cells).rstrip())


def print_entries(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print what is too long for a table: for each row its first cell, and the others
    below it with their heads, wrapped to the width of the terminal."""
    width = min(shutil.get_terminal_size().columns, MOST_COLUMNS)
    margin = max(map(len, heads[1:])) + 4
    for number, (name, *cells) in enumerate(rows):
        click.echo("\n" * (number > 0) + name)
        for head, cell in zip(heads[1:], cells, strict=True):
            first = f"  {head}".ljust(margin)
            click.echo(
                textwrap.fill(
                    cell, width, initial_indent=first, subsequent_indent=" " * margin
                )
            )


def is_number(text: str) -> bool:
    """Whether a cell is a number or empty."""
    try:
        float(text.replace(",", "").removesuffix(" %") or 0)
    except ValueError:
        return text in ("-", "…")
    return True


def shown(name: str, value: float) -> str:
    """A value of a training, formatted for people."""
    if name == "epoch":
        return f"{value:.0f}"
    if name.endswith("accuracy"):
        return f"{100 * value:.2f} %"
    if name in ("seconds", "examples_per_sec"):
        return f"{value:,.1f}" if name == "seconds" else f"{value:,.0f}"
    return f"{value:.4g}" if name == "lr" else f"{value:.4f}"


def is_scalar(value: object) -> bool:
    """Whether a value is one number; a confusion matrix is not."""
    return isinstance(value, (int, float))


def shown_all(values: Mapping[str, Any]) -> str:
    """``loss 0.0712  accuracy 97.50 %``; other values than single numbers are left out."""
    numbers = {name: value for name, value in values.items() if is_scalar(value)}
    return "  ".join(f"{name} {shown(name, value)}" for name, value in numbers.items())


def print_matrices(values: Mapping[str, Any], classes: Sequence[str] = ()) -> None:
    """Print the confusion matrices among the values; a row is a true class."""
    for name, value in values.items():
        if is_scalar(value):
            continue
        rows = [[f"{v:.15g}" for v in row] for row in value]
        fits = len(classes) == len(rows)
        names = (
            [safe(c) for c in classes] if fits else [str(i) for i in range(len(rows))]
        )
        title = f"{name.replace('_', ' ')} (rows: true, columns: predicted)"
        cells = [[n, *row] for n, row in zip(names, rows, strict=True)]
        print_table(["", *names], cells, title)


def safe(text: str) -> str:
    """Text from a file without control characters for the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def output_folder(path: str | None) -> Path | None:
    """The folder given by -o, created before the work begins; UsageError if that fails."""
    if path is None:
        return None
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.UsageError(f"-o {path}: {error.strerror or error}") from None
    return folder
