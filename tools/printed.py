"""Write into the page on teaching what its commands print.

A block of text after a console block is the output of that command; a line with nothing
but … stands for lines that are left out. ``python tools/printed.py`` runs the commands
and writes each piece again, from its first line to its last; the tests compare. Lines are
found again whatever the numbers of notes in them have become.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[1] / "docs" / "teaching.md"
COMMAND = re.compile(r"\$ (?:COLUMNS=(\d+) )?polyframe (.+)")
LEFT_OUT = "…"


class Output(NamedTuple):
    """A block of text: its command, the columns that this has, and its lines."""

    command: str
    columns: str
    lines: tuple[str, ...]


def blocks(page: str) -> Iterator[tuple[str, Output | None]]:
    """The page in parts: (text, what it is the output of)."""
    command: re.Match[str] | None = None
    kind = ""
    for part in re.split(r"^(```\w*\n|```$)", page, flags=re.MULTILINE):
        if kind == "```console\n":
            command = COMMAND.fullmatch(part.strip())
        if kind == "```text\n" and not part.startswith("```"):
            assert command is not None, part
            columns = command[1] or "80"
            yield part, Output(command[2], columns, tuple(part.splitlines()))
        else:
            yield part, None
        kind = part


def printed(output: Output) -> list[str]:
    """What the command prints."""
    from click.testing import CliRunner

    from polyframe.cli import cli

    os.environ["COLUMNS"] = output.columns
    done = CliRunner().invoke(cli, shlex.split(output.command))
    assert done.exit_code == 0, done.output
    return [line.rstrip() for line in done.stdout.splitlines()]


def current(output: Output) -> str:
    """The block as it has to be: each of its pieces from what is printed now."""
    lines, at, pieces = printed(output), 0, []
    for piece in pieces_of(output.lines):
        first = find(piece[0], lines, at)
        last = find(piece[-1], lines, first + (len(piece) > 1))
        pieces.append("\n".join(lines[first : last + 1]))
        at = last + 1
    return f"\n{LEFT_OUT}\n".join(pieces) + "\n"


def pieces_of(lines: Sequence[str]) -> list[list[str]]:
    """The pieces between lines that are left out."""
    pieces: list[list[str]] = [[]]
    for line in lines:
        if line == LEFT_OUT:
            pieces.append([])
        else:
            pieces[-1].append(line)
    return pieces


def find(line: str, lines: Sequence[str], at: int) -> int:
    """The index of a line from there on, whatever its numbers of notes."""
    for i in range(at, len(lines)):
        if plain(lines[i]) == plain(line):
            return i
    raise SystemExit(f"{PAGE.name}: no command prints {line!r} any more")


def plain(line: str) -> str:
    """A line without numbers of notes, and without the blanks between columns."""
    return " ".join(re.sub(r"\[\d+\]", "", line).split())


def page(text: str) -> str:
    """The page as it has to be."""
    return "".join(
        part if output is None else current(output) for part, output in blocks(text)
    )


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
