"""The pages on teaching and learning show what the commands print."""

from __future__ import annotations

from pathlib import Path

import printed
import pytest

TEACHING, LEARNING = printed.PAGES
OUTPUTS = [o for _, o in printed.blocks(TEACHING.read_text("utf-8")) if o]


@pytest.mark.parametrize("output", OUTPUTS, ids=lambda output: output.lines[0])
def test_output_is_what_the_command_prints(
    output: printed.Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", output.columns)
    wanted = printed.current(output).splitlines()
    assert list(output.lines) == wanted, "run `python tools/printed.py`"


def test_the_learners_path_is_walked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One command after the other, in one folder."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.chdir(tmp_path)
    text = LEARNING.read_text("utf-8")
    assert printed.page(text) == text, "run `python tools/printed.py`"


def test_output_that_is_another_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(OUTPUTS) > 4
    monkeypatch.setenv("COLUMNS", "80")
    text = "```console\n$ polyframe show lenet5 -b torch\n```\n\n```text\n{}```\n"
    right = "class Lenet5(nn.Module):\n    def __init__(self):\n…\n        return x\n"
    assert printed.page(text.format(right)) == text.format(right)
    wrong = right.replace("    def __init__(self):\n…", "    def init(self):\n…")
    with pytest.raises(SystemExit, match="no command prints '    def init"):
        printed.page(text.format(wrong))
    assert printed.plain("x = 1  [12] [3]   | y") == printed.plain("x = 1 | y  [1]")
