"""Output of commands: tables on a terminal, plain lines in a pipe."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from polyframe.io.shown import aligned, is_scalar, numeric

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
        for head, right in zip(heads, numeric(heads, rows), strict=True):
            table.add_column(head, justify="right" if right else "left")
        for row in rows:
            table.add_row(*map(Text, row))  # Text: brackets are not markup
        Console().print(table)
        return
    if title:
        click.echo(title)
    for line in aligned(heads, rows):
        click.echo(line)


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
