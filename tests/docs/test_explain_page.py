"""What docs/explain.md shows is what the commands print."""

from __future__ import annotations

import shlex

import pytest
from click.testing import CliRunner
from helpers.pages import BLOCKS

from polyframe.cli import cli

PAGE = "docs/explain.md"
LEFT_OUT = "…"


def outputs():
    """(the command line, what the page shows of its output)."""
    blocks = BLOCKS[PAGE]
    for block, after in zip(blocks, [*blocks[1:], None]):
        if block.tag == "console":
            lines = [line.removeprefix("$ ") for line in block.text.splitlines()]
            shown = after.text if after is not None and after.tag == "text" else None
            for line in lines:
                yield line, shown


def printed(line):
    result = CliRunner().invoke(cli, shlex.split(line)[1:], prog_name="polyframe")
    return result.exit_code, result.output


@pytest.mark.parametrize(("line", "shown"), [o for o in outputs() if o[1] is not None])
def test_the_outputs_shown_are_real(line, shown):
    _, output = printed(line)
    for piece in shown.split(f"{LEFT_OUT}\n"):
        assert piece.strip("\n") in output, piece


@pytest.mark.parametrize("line", [o[0] for o in outputs() if o[1] is None])
def test_the_other_commands_work(line):
    if line.startswith("polyframe") and "--run" not in line:
        code, output = printed(line)
        assert code == 0 and output


def test_an_output_that_is_not_real_is_seen():
    line, shown = next(o for o in outputs() if o[1] is not None)
    with pytest.raises(AssertionError):
        test_the_outputs_shown_are_real(line, shown.replace("1.3416", "1.3417"))
