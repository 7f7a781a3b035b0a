"""The documentation is executed: blocks run, programs and help are what they are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from helpers.adding import EXAMPLES, taken_away
from helpers.support import BACKENDS

import polyframe as pf
from polyframe.cli import cli
from polyframe.io.text import parse_yaml

ROOT = Path(__file__).parents[2]
NAMES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
FILES = [*(ROOT / name for name in NAMES), *sorted((ROOT / "docs").glob("*.md"))]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in FILES
    if path.exists() and path.name != "support.md"  # made by `make catalogue`
}
"""Every page that is written by hand."""
FENCE = re.compile(r"^(?:<!-- (\w+)(?:: (\w+))? -->\n)?```(.*)\n((?:.*\n)*?)```$", re.M)
FENCES = {name: FENCE.findall(text) for name, text in PAGES.items()}
LANGUAGES = {"python", "console", "yaml", "toml", "diff", "text"}
KINDS = {"spec", "program", "use", "example"}
"""What is done with a block of Python: ``spec`` and ``use`` are run in turn, ``program``
is what a backend writes, ``example`` is what stands in a file."""
BLOCKS = {
    name: [(kind, mark, text) for kind, mark, word, text in found if word == "python"]
    for name, found in FENCES.items()
}
WITH_PYTHON = [name for name, found in BLOCKS.items() if found]


def blocks(page, kind, name=""):
    return [text for k, n, text in BLOCKS[page] if (k, n) == (kind, name)]


@pytest.mark.parametrize("page", PAGES)
def test_every_block_names_its_language_and_python_is_marked(page):
    """So no block of Python is left out: not by a missing mark, nor by another word for
    the language."""
    assert PAGES[page].count("```") == 2 * len(FENCES[page])
    assert {language for _, _, language, _ in FENCES[page]} <= LANGUAGES
    assert {kind for kind, _, _ in BLOCKS[page]} <= KINDS


def test_there_are_pages_with_python():
    assert {"README.md", "docs/plugins.md", "docs/training.md"} <= set(WITH_PYTHON)
    for page in WITH_PYTHON:
        kinds = {kind for kind, _, _ in BLOCKS[page]}
        assert kinds & {"spec", "use"} or page in EXAMPLE_FILES, page


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_programs_shown_are_the_programs_written(backend):
    namespace = {}
    (spec,) = blocks("README.md", "spec")
    exec(spec, namespace)
    model = pf.compile(namespace["spec"], backend, optimize=False)
    assert blocks("README.md", "program", backend) == [model.source]


@pytest.mark.parametrize("page", WITH_PYTHON)
def test_the_blocks_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    namespace = {}
    with taken_away():
        for kind in ("spec", "use"):
            for text in blocks(page, kind):
                exec(text, namespace)
    if page == "README.md":
        assert namespace["accuracy"] > 0.8


SUITE = ROOT / "tests/example_backend/tests/test_conformance.py"
EXAMPLE_FILES = {"docs/plugins.md": EXAMPLES, "docs/conformance.md": SUITE}
"""Page → where its examples stand."""


def test_every_example_is_compared_with_a_file():
    pages = {
        p for p, found in BLOCKS.items() if any(k == "example" for k, _, _ in found)
    }
    assert pages == set(EXAMPLE_FILES)


def test_the_suite_in_a_few_lines_is_the_example_backends():
    (shown,) = blocks("docs/conformance.md", "example")
    assert SUITE.read_text().partition("\n\n")[2] == shown


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
    shown = [
        (ROOT / page).parent / name
        for page, text in PAGES.items()
        for name in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
    ]
    assert shown
    assert [path for path in shown if not path.is_file()] == []


# --- commands ------------------------------------------------------------------------


def commands(text):
    """The words behind ``polyframe`` in inline code and in console blocks."""
    consoles = [found[3] for found in FENCE.findall(text) if found[2] == "console"]
    lines = re.findall(r"`polyframe ([^`]+)`", FENCE.sub("", text))
    for console in consoles:
        for line in re.findall(r"\bpolyframe (.+)", console):
            lines.append(line.partition(" #")[0].partition(";")[0])
    return [shlex.split(line) for line in lines]


SHOWN = [(page, words) for page, text in PAGES.items() for words in commands(text)]


def wrong_words(words):
    """The words of a command line that ``polyframe`` does not know: a command's name, or
    an option's."""
    command = cli
    while isinstance(command, click.Group) and not words[0].startswith("-"):
        name, *words = words
        if name not in command.commands:
            return [name]
        command = command.commands[name]
        if not words:
            break
    context = click.Context(command, info_name="polyframe")
    known = {
        option
        for parameter in command.get_params(context)
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    return [word for word in words if word.startswith("-") and word not in known]


def test_commands_shown_exist_with_their_options():
    named = {words[0] for _, words in SHOWN}
    assert {"doctor", "train", "evaluate", "predict", "summary", "show"} <= named
    wrong = [(page, words) for page, words in SHOWN if wrong_words(words)]
    assert wrong == []


@pytest.mark.parametrize("line", ["trian x", "train x -o y --bakend z", "data inof"])
def test_a_wrong_command_is_seen(line):
    assert wrong_words(shlex.split(line))


@pytest.mark.parametrize("name", cli.commands)
def test_every_command_has_help(name):
    assert CliRunner().invoke(cli, [name, "--help"]).exit_code == 0


def test_what_can_be_listed_is_named_right():
    kinds = {
        kind
        for _, (command, *words) in SHOWN
        if command == "list"
        for kind in words
        if kind != "|"
    }
    assert len(kinds) > 5
    for kind in kinds:
        assert CliRunner().invoke(cli, ["list", kind]).exit_code == 0, kind
