"""The pages on teaching show what the commands print."""

from __future__ import annotations

import re
import shlex

import pytest
from click.testing import CliRunner
from helpers.pages import BLOCKS

from polyframe.cli import cli

PAGE = "docs/teaching.md"
COMMAND = re.compile(r"\$ (?:COLUMNS=(\d+) )?polyframe (.+)\n")


def shown() -> list[object]:
    """(command, columns, output) of the blocks of text that follow one command."""
    cases: list[object] = []
    match = None
    for block in BLOCKS[PAGE]:
        if block.tag == "console":
            match = COMMAND.fullmatch(block.text)
        elif block.tag == "text":
            assert match is not None, f"{PAGE}:{block.line}"
            case = match[2], match[1] or "80", block.text
            cases.append(pytest.param(*case, id=f"{block.line}: {match[2]}"))
    assert len(cases) > 3
    return cases


@pytest.mark.parametrize(("command", "columns", "output"), shown())
def test_output_is_what_the_command_prints(
    command: str, columns: str, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of the page; … stands for lines that are left out."""
    monkeypatch.setenv("COLUMNS", columns)
    done = CliRunner().invoke(cli, shlex.split(command))
    assert done.exit_code == 0, done.output
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    at = 0
    for part in output.split("\n…\n"):
        wanted = part.strip("\n").splitlines()
        while lines[at : at + len(wanted)] != wanted:
            at += 1
            assert at < len(lines), wanted
        at += len(wanted)
