"""The documentation is executed: blocks run, programs and help are what they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers.adding import EXAMPLES, taken_away
from helpers.support import BACKENDS

import polyframe as pf
from polyframe.io.text import parse_yaml

ROOT = Path(__file__).parents[2]
PAGES = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in (
        "README.md",
        "docs/plugins.md",
        "docs/specs.md",
        "docs/training.md",
    )
}
BLOCK = re.compile(r"<!-- (\w+)(?:: (\w+))? -->\n```python\n(.*?)```", re.S)
BLOCKS = {name: BLOCK.findall(text) for name, text in PAGES.items()}


def blocks(page, kind, name=""):
    return [text for k, n, text in BLOCKS[page] if (k, n) == (kind, name)]


@pytest.mark.parametrize("page", PAGES)
def test_every_python_block_is_marked_and_so_tested(page):
    assert PAGES[page].count("```python") == len(BLOCKS[page])
    assert {kind for kind, _, _ in BLOCKS[page]} <= {
        "spec",
        "program",
        "use",
        "example",
    }


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_programs_shown_are_the_programs_written(backend):
    namespace = {}
    (spec,) = blocks("README.md", "spec")
    exec(spec, namespace)
    model = pf.compile(namespace["spec"], backend, optimize=False)
    assert blocks("README.md", "program", backend) == [model.source]


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    namespace = {"accuracy": 1.0}
    with taken_away():
        for kind in ("spec", "use"):
            for text in blocks(page, kind):
                exec(text, namespace)
    assert namespace["accuracy"] > 0.8


def test_the_examples_shown_are_the_files():
    shown = blocks("docs/plugins.md", "example")
    assert shown[0] == (EXAMPLES / "squared_relu.py").read_text()
    parts = re.split(r"# --- .+ -+\n", (EXAMPLES / "one_of_each.py").read_text())[1:]
    assert shown[1:] == [part.strip("\n") + "\n" for part in parts]


def test_the_diff_shown_is_in_the_code():
    text = (ROOT / "docs/adding_a_layer.md").read_text()
    (diff,) = re.findall(r"```diff\n(.*?)```", text, re.S)
    for part in diff.split("--- a/")[1:]:
        name, _, lines = part.partition("\n")
        added = "\n".join(line.removeprefix("+") for line in lines.splitlines())
        assert added.strip() and added in (ROOT / name).read_text()


def test_the_recipes_shown_are_recipes(tmp_path):
    shown = re.findall(r"```yaml\n(.*?)```", PAGES["docs/training.md"], re.S)
    assert shown
    for text in shown:
        (tmp_path / "shown.yaml").write_text(text)
        recipe = pf.load_recipe(tmp_path / "shown.yaml")
        known = recipe.to_data()
        assert set(parse_yaml(text, "shown")) <= set(known)


def test_the_pictures_are_there():
    for page, text in PAGES.items():
        for name in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text):
            assert ((ROOT / page).parent / name).is_file()


def test_commands_named_in_the_readme_exist():
    from click.testing import CliRunner

    from polyframe.cli import cli

    named = set(re.findall(r"polyframe (\w+)", PAGES["README.md"]))
    commands = {n for n in named if n in cli.commands}
    assert {"doctor", "train", "evaluate", "predict", "summary", "show"} <= commands
    for name in commands:
        assert CliRunner().invoke(cli, [name, "--help"]).exit_code == 0


@pytest.mark.parametrize("page", PAGES)
def test_what_can_be_listed_is_named_right(page):
    from click.testing import CliRunner

    from polyframe.cli import cli

    for kinds in re.findall(r"polyframe list ([\w |]+)", PAGES[page]):
        for kind in kinds.replace("|", " ").split():
            assert CliRunner().invoke(cli, ["list", kind]).exit_code == 0, kind
