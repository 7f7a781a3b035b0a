"""The documentation is executed: blocks run, programs and help are what they are.

A comment above a block says what it is: ``<!-- use -->`` runs, in the order of the page;
``<!-- value: EXPRESSION -->`` is the text that an expression then has; ``<!-- from: FILE
-->`` is a piece of a file, and ``<!-- parts: FILE -->`` blocks are all of it.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from helpers.adding import EXAMPLES, taken_away
from helpers.pages import BLOCKS, PAGES, fenced, indented, marked, prose
from helpers.support import BACKENDS

import polyframe as pf
from polyframe.cli import cli
from polyframe.contract.gaps import load_gaps
from polyframe.io.text import parse_yaml
from polyframe.study.contestants import configured

ROOT = Path(__file__).parents[2]
PYTHON = {"spec", "program", "use", "example", "from", "parts", "value"}
KINDS = {
    "python": PYTHON,
    "yaml": {"recipe", "gaps", "contestants"},
    "toml": {"", "from"},
    "diff": {"", "named"},  # test_adding.py
    "console": {""},
    "text": {"", "value"},
    "mermaid": {""},
}
"""What a block is written in → what may stand above it; each is tested by that."""
SPAN = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"(?:polyframe|backends|tests|tools|docs)/[\w./*-]*")


def every(tag):
    return [
        pytest.param(name, block, id=f"{name}:{block.line}")
        for name, blocks in BLOCKS.items()
        for block in blocks
        if block.tag == tag
    ]


# --- no block escapes -------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_of_a_kind_that_is_tested(page):
    for block in BLOCKS[page]:
        where = f"{page}:{block.line}"
        assert block.opening == f"```{block.tag}", (
            f"{where}: a fence is ```, not indented"
        )
        assert block.tag in KINDS, f"{where}: {block.tag!r}"
        assert block.kind in KINDS[block.tag], f"{where}: <!-- {block.kind} -->"
        if block.tag == "diff":
            assert page.startswith("docs/adding_"), where
    assert indented(PAGES[page]) == []
    assert "<pre" not in PAGES[page]


@pytest.mark.parametrize(
    "text",
    [
        "```py\nx\n```\n",
        "```Python\nx\n```\n",
        "``` python\nx\n```\n",
        "````python\nx\n````\n",
        "```python title=x\nx\n```\n",
        "~~~python\nx\n~~~\n",
        "- item\n\n  ```python\n  x\n  ```\n",
        "1. ```python\n   x\n   ```\n",
        "> ```python\n> x\n> ```\n",
        "```\nx\n```\n",
        "text\n```python\nx\n```\n",
        "<!-- tested -->\n```python\nx\n```\n",
        "<!-- use -->\n\n```python\nx\n```\n",
        "<!-- use -->\n```bash\nx\n```\n",
        "text\n\n    import x\n",
        "text\n\n\timport x\n",
        "- item\n\ntext\n\n    import x\n\n    more\n",
        "<pre>\nimport x\n</pre>\n",
    ],
)
def test_a_block_that_evades_is_seen(text, monkeypatch):
    monkeypatch.setitem(PAGES, "page", text)
    monkeypatch.setitem(BLOCKS, "page", fenced(text))
    with pytest.raises(AssertionError):
        test_every_block_is_of_a_kind_that_is_tested("page")


def test_blocks_are_cut_as_they_are_shown():
    text = "a\n<!-- use -->\n```python\nx = '~~~'\n~~~\n```\n\n- b\n\n      c\n"
    (block,) = fenced(text)
    assert (block.line, block.tag, block.kind) == (3, "python", "use")
    assert block.text == "x = '~~~'\n~~~\n"
    assert indented(text) == [] and "c" in prose(text)[-1]
    with pytest.raises(AssertionError, match="line 1 is never closed"):
        fenced("```python\nx\n")


# --- Python -----------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_programs_shown_are_the_programs_written(backend):
    namespace = {}
    (spec,) = marked("README.md", "spec")
    exec(spec, namespace)
    model = pf.compile(namespace["spec"], backend, optimize=False)
    assert marked("README.md", "program", backend) == [model.source]


def even(text):
    """A text without blanks at the ends of lines, which editors take away."""
    return [line.rstrip() for line in text.strip("\n").splitlines()]


@pytest.mark.parametrize("page", [p for p in PAGES if marked(p, "use")])
def test_the_blocks_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    namespace = {"accuracy": 1.0}
    with taken_away():
        for block in BLOCKS[page]:
            if block.kind in ("spec", "use"):
                exec(compile(block.text, f"{page}:{block.line}", "exec"), namespace)
            elif block.kind == "value":
                value = eval(block.value, namespace)
                assert even(block.text) == even(value), f"{page}:{block.line}"
    assert namespace["accuracy"] > 0.8


def test_values_are_of_pages_that_run():
    pages = {page for page in PAGES if marked(page, "value")}
    assert pages and all(marked(page, "use") for page in pages)


@pytest.mark.parametrize("page", [p for p in PAGES if marked(p, "from")])
def test_the_pieces_shown_are_in_their_files(page):
    for block in BLOCKS[page]:
        if block.kind == "from":
            text = (ROOT / block.value).read_text()
            assert block.text.strip() and block.text in text, (page, block.line)


def parts(path):
    """What stands between the headings of a file."""
    pieces = re.split(r"# --- .+ -+\n", path.read_text())
    return [piece.strip("\n") + "\n" for piece in pieces]


def test_the_files_shown_in_parts_are_whole():
    shown = {}
    for blocks in BLOCKS.values():
        for block in blocks:
            if block.kind == "parts":
                shown.setdefault(block.value, []).append(block.text)
    assert list(shown) == ["docs/examples/onnxruntime_backend.py"]
    for name, texts in shown.items():
        assert texts == parts(ROOT / name)


def test_the_examples_shown_are_the_files():
    shown = marked("docs/plugins.md", "example")
    assert shown[0] == (EXAMPLES / "squared_relu.py").read_text()
    assert shown[1:] == parts(EXAMPLES / "one_of_each.py")[1:]
    assert not any(marked(page, "example") for page in PAGES if "plugins" not in page)


# --- other languages --------------------------------------------------------------------


@pytest.mark.parametrize(("page", "block"), every("yaml"))
def test_the_files_shown_are_read(page, block, tmp_path):
    path = tmp_path / "shown.yaml"
    path.write_text(block.text)
    if block.kind == "gaps":
        assert load_gaps(path)
    elif block.kind == "contestants":
        assert configured(path)
    else:
        known = pf.load_recipe(path).to_data()
        assert set(parse_yaml(block.text, "shown")) <= set(known)


@pytest.mark.parametrize(("page", "block"), every("toml"))
def test_entry_points_shown_are_of_groups_that_are_read(page, block):
    groups = tomllib.loads(block.text)["project"]["entry-points"]
    assert set(groups) <= {"polyframe.backends", "polyframe.plugins"}


def lines_in(page):
    """The command lines of polyframe that a page shows in code, as words."""
    spans = SPAN.findall("\n".join(prose(PAGES[page])))
    lines = "\n".join(b.text for b in BLOCKS[page] if b.tag == "console")
    shown = [span for span in spans if span.startswith("polyframe ")]
    shown += re.findall(r"polyframe [^\n#;|]*", lines)
    return [line.split()[1:] for line in shown if line.split()[1:]]


def commands_in(page):
    """The commands of polyframe that a page names in code."""
    return {words[0] for words in lines_in(page)}


def unknown_options(words):
    """The options of a command line that its command does not have."""
    command, rest = cli, words
    while isinstance(command, click.Group) and rest and rest[0] in command.commands:
        command, rest = command.commands[rest[0]], rest[1:]
    known = {
        option
        for parameter in command.get_params(click.Context(command))
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    given = [word.strip("[]").partition("=")[0] for word in rest]
    return [word for word in given if word.startswith("-") and word not in known]


def test_options_shown_exist():
    shown = [(page, words) for page in PAGES for words in lines_in(page)]
    assert sum(any(w.startswith("-") for w in words) for _, words in shown) > 10
    assert [(page, words) for page, words in shown if unknown_options(words)] == []
    assert unknown_options(["train", "x", "-b", "torch", "--bakend", "y"]) == [
        "--bakend"
    ]


@pytest.mark.parametrize("page", PAGES)
def test_commands_named_exist(page):
    named = {name for name in commands_in(page) if not name.startswith("-")}
    assert named - {"COMMAND"} <= set(cli.commands)
    if page == "README.md":
        wanted = {"doctor", "train", "evaluate", "predict", "summary", "show"}
        assert wanted <= named


@pytest.mark.parametrize("name", cli.commands)
def test_every_command_has_help(name):
    assert CliRunner().invoke(cli, [name, "--help"]).exit_code == 0


@pytest.mark.parametrize("page", PAGES)
def test_what_can_be_listed_is_named_right(page):
    for kinds in re.findall(r"polyframe list ([\w |]+)", PAGES[page]):
        for kind in kinds.replace("|", " ").split():
            assert CliRunner().invoke(cli, ["list", kind]).exit_code == 0, kind


# --- what is named is there -------------------------------------------------------------


def anchors(text):
    """The anchors of a page's headings, as GitHub makes them."""
    heads = (line.lstrip("#").strip() for line in text.splitlines() if line[:1] == "#")
    kept = (re.sub(r"[^\w\- ]", "", head.lower()) for head in heads)
    return {head.replace(" ", "-") for head in kept}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", "\n".join(prose(PAGES[page]))):
        if link.startswith(("https://", "http://")):
            continue
        name, _, anchor = link.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), f"{page}: {link}"
        if anchor:
            assert anchor in anchors(path.read_text()), f"{page}: {link}"


@pytest.mark.parametrize("page", PAGES)
def test_files_named_in_code_are_there(page):
    for span in SPAN.findall("\n".join(prose(PAGES[page]))):
        if PATH.fullmatch(span) and "/" in span:
            assert any(ROOT.glob(span.rstrip("/"))), f"{page}: {span}"
