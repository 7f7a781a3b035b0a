"""Programs on a terminal: lines of (style, text) in colour, or as plain text."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from polyframe.teach.listing import Styled

COLOURS = {
    "comment": "bright_black",
    "keyword": "blue",
    "name": "green",
    "number": "cyan",
    "string": "yellow",
    "heading": "bold",
    "title": "bold cyan",
    "mark": "bold magenta",
    "soft": "bright_black",
    "removed": "red",
    "added": "green",
}
"""Style → the colour, from the palette that a person chose for the terminal."""


def width_of(terminal: bool) -> int:
    """The columns of the terminal; of a pipe, those that COLUMNS says, or 80."""
    if not terminal:
        return shutil.get_terminal_size().columns
    from rich.console import Console

    return Console().width


def print_lines(lines: Iterable[Styled], terminal: bool) -> None:
    """Print lines, in colour on a terminal."""
    if not terminal:
        for line in lines:
            click.echo("".join(text for _, text in line).rstrip())
        return
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for line in lines:
        parts = ((text, COLOURS.get(style, "")) for style, text in line)
        console.print(Text.assemble(*parts), soft_wrap=True)
