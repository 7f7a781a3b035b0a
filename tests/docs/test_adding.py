"""What the pages on adding something show is in the tree, it is all there is, and it is
as little as promised."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from polyframe.spec.losses.base import Domain, Takes, TargetKind

ROOT = Path(__file__).parents[2]
MOST = {
    "adding_a_layer": 4,
    "adding_a_loss": 5,
    "adding_an_optimizer": 6,
    "adding_a_training_setting": 8,
    "adding_a_data_set": None,
}
"""Page → how many files its addition may take; None where nothing is counted."""
GENERATED = (
    "polyframe/__init__.pyi",
    "polyframe/conformance/support.json",
    "polyframe/teach/explain/facts.json",
)
UNRELATED = {
    "backends/gluon/tables/merge.py",
    "polyframe/spec/layers/merge.py",
    "polyframe/teach/explain/meanings.py",
    "polyframe/teach/facts.py",
}
"""Files of a layer that is called Average, the field `average` of metrics, and what notes
of `show` may depend on."""
OPTIONAL = ("polyframe/differences/entries/", "polyframe/teach/facts.py")
"""Differences name whatever they are about, and where notes of `show` depend on it."""
DIFF = re.compile(r"(?:<!-- named: (.+) -->\n)?```diff\n(.*?)```", re.S)


def shown(page):
    """(what the addition is called, file → hunks of its diff) of a page."""
    text = (ROOT / "docs" / f"{page}.md").read_text()
    (addition,) = DIFF.findall(text)
    parts = (part.partition("\n") for part in addition[1].split("--- a/")[1:])
    return addition[0].split(), {name: hunks.split("@@\n") for name, _, hunks in parts}


def side(hunk, sign):
    """The lines of a hunk that are there after ("+") or were there before ("-")."""
    lines = [line for line in hunk.splitlines() if line.startswith(sign)]
    return "".join(f"{line[1:]}\n" for line in lines)


def naming(words):
    """The hand-written files of polyframe and its backends that have one of the words."""
    word = re.compile(rf"\b(?:{'|'.join(words)})\b")
    paths = (p for room in ("polyframe", "backends") for p in (ROOT / room).rglob("*"))
    return {
        str(path.relative_to(ROOT))
        for path in paths
        if path.suffix in (".py", ".pyi", ".yaml", ".json", ".j2")
        and word.search(path.read_text(encoding="utf-8"))
    } - set(GENERATED)


@pytest.mark.parametrize("page", MOST)
def test_the_diff_shown_is_in_the_code(page):
    _, files = shown(page)
    assert files
    for name, hunks in files.items():
        text = (ROOT / name).read_text()
        for hunk in hunks:
            after, before = side(hunk, "+"), side(hunk, "-")
            assert after.strip() and text.count(after) == 1, (name, after)
            assert not before or before not in text, (name, before)
            assert all(line[:1] in "+-" for line in hunk.splitlines()), (name, hunk)


@pytest.mark.parametrize("page", [page for page, most in MOST.items() if most])
def test_it_is_all_there_is_and_no_more_than_promised(page):
    words, files = shown(page)
    others = {n for n in naming(words) - set(files) if not n.startswith(OPTIONAL)}
    assert words and set(files) <= naming(words) and others == set()
    assert len(files) <= MOST[page]
    text = (ROOT / "docs" / f"{page}.md").read_text()
    assert f"{len(files)}\nfiles" in text or f"{len(files)} files" in text


CODE_OF_EMA = re.compile(
    r"\.ema\b|\bema: float|\"ema\"|\"average\"|class Average\b|make_average"
)


def test_the_files_of_ema_are_all_that_have_code_for_it():
    text = (ROOT / "docs/adding_a_training_setting.md").read_text()
    shown = re.findall(r"`([\w/]+\.py)`", text.split("<!-- files of: ema -->")[1])
    paths = (
        p for room in ("polyframe", "backends") for p in (ROOT / room).rglob("*.py")
    )
    there = {
        str(p.relative_to(ROOT)) for p in paths if CODE_OF_EMA.search(p.read_text())
    }
    assert set(shown) == there - UNRELATED
    assert len(shown) == len(set(shown)) <= 8
    assert f"This takes {len(shown)} files" in text


def test_every_page_on_adding_is_tested():
    pages = {path.stem for path in (ROOT / "docs").glob("adding_*.md")}
    assert pages - {"adding_a_backend"} == set(MOST)


def test_what_a_loss_may_say_of_outputs_and_targets_is_all_there_is():
    text = " ".join((ROOT / "docs/adding_a_loss.md").read_text().split())
    shown = dict(re.findall(r"\(`(\w+)`: ([\w, -]+)\)", text))
    kinds = {"takes": Takes, "target_kinds": TargetKind, "domain": Domain}
    assert {name: words.split(", ") for name, words in shown.items()} == {
        name: list(get_args(kind)) for name, kind in kinds.items()
    }
