"""The documentation is executed: blocks run, programs and help are what they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support import BACKENDS

import polyframe as pf

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"<!-- (\w+)(?:: (\w+))? -->\n```python\n(.*?)```", re.S)
BLOCKS = BLOCK.findall(README)


def block(kind, name=""):
    (found,) = [text for k, n, text in BLOCKS if (k, n) == (kind, name)]
    return found


def test_every_python_block_is_marked_and_so_tested():
    assert README.count("```python") == len(BLOCKS)
    assert {kind for kind, _, _ in BLOCKS} == {"spec", "program", "use"}


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_programs_shown_are_the_programs_written(backend):
    namespace = {}
    exec(block("spec"), namespace)
    model = pf.compile(namespace["spec"], backend, optimize=False)
    assert block("program", backend) == model.source


def test_the_blocks_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for kind in ("spec", "use"):
        exec(block(kind), namespace)
    assert namespace["accuracy"] > 0.8


def test_commands_named_in_the_readme_exist():
    from click.testing import CliRunner

    from polyframe.cli import cli

    named = set(re.findall(r"polyframe (\w+)", README))
    commands = {n for n in named if n in cli.commands}
    assert {"doctor", "train", "evaluate", "predict", "summary", "show"} <= commands
    for name in commands:
        assert CliRunner().invoke(cli, [name, "--help"]).exit_code == 0
