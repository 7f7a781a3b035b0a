"""Write into the pages on teaching and learning what their commands print.

A block of text after a console block is the output of its commands; a line with nothing
but … stands for lines that are left out. ``python tools/printed.py`` runs the commands
and writes each piece again, from its first line to its last; the tests compare. Lines are
found again whatever the numbers of notes in them have become.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [DOCS / "teaching.md", DOCS / "learning.md"]
COMMAND = re.compile(r"\$ (?:COLUMNS=(\d+) )?(.+)")
PROGRAMS = {"rm": "rm", "sed": "sed", "python": sys.executable}
DIGITS = re.compile(r"(\.\d{3})\d+")
LEFT_OUT = "…"


class Output(NamedTuple):
    """A block of text: its commands, the columns that they have, and its lines."""

    commands: tuple[str, ...]
    columns: str
    lines: tuple[str, ...]


def blocks(page: str) -> Iterator[tuple[str, Output | None]]:
    """The page in parts: (text, what it is the output of)."""
    commands: list[re.Match[str]] = []
    kind = ""
    for part in re.split(r"^(```\w*\n|```$)", page, flags=re.MULTILINE):
        if kind == "```console\n":
            lines = part.strip().splitlines()
            commands = [m for line in lines if (m := COMMAND.fullmatch(line))]
        if kind == "```text\n" and not part.startswith("```"):
            assert commands, part
            columns, each = commands[-1][1] or "80", tuple(m[2] for m in commands)
            yield part, Output(each, columns, tuple(part.splitlines()))
        else:
            yield part, None
        kind = part


def printed(output: Output) -> list[str]:
    """What the commands print. Losses of a script are cut off after three digits: the
    later ones differ from machine to machine."""
    os.environ["COLUMNS"] = output.columns
    return [line.rstrip() for each in output.commands for line in lines_of(each)]


def lines_of(command: str) -> list[str]:
    """What one command prints; ``diff`` ends with 1 where it finds a difference."""
    from click.testing import CliRunner

    from polyframe.cli import cli

    name, *words = shlex.split(command)
    if name != "polyframe":
        line = [PROGRAMS[name], *words]
        ended = subprocess.run(line, capture_output=True, text=True, check=True)
        return DIGITS.sub(r"\1", ended.stdout).splitlines()
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == (words[0] == "diff"), done.output
    return done.stdout.splitlines()


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
    raise SystemExit(f"no command prints {line!r} any more")


def plain(line: str) -> str:
    """A line without numbers of notes, and without the blanks between columns."""
    return " ".join(re.sub(r"\[\d+\]", "", line).split())


def page(text: str) -> str:
    """The page as it has to be."""
    return "".join(
        part if output is None else current(output) for part, output in blocks(text)
    )


if __name__ == "__main__":
    for path in PAGES:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")
