"""docs/architecture.md and the tree say the same."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from helpers import imports
from helpers.pages import PAGES
from house.test_rooms import BESIDE, LEVEL, room

ROOT = Path(__file__).parents[2]
PAGE = PAGES["docs/architecture.md"]


def rows(heading):
    """The rows of the first table below a heading, as lists of cells."""
    lines = PAGE.split(f"\n## {heading}\n")[1].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|"))
    table = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line[1:-1].split("|")])
    assert len({len(row) for row in table}) == 1
    return table[2:]


def test_the_rooms_are_those_of_the_test():
    shown = {name.strip("`"): int(level) for level, name, *_ in rows("The rooms")}
    there = {room(module) for module in imports.modules(ROOT)} - {"", "__main__"}
    assert set(shown) == there
    assert shown == {name: LEVEL[name] + 1 for name in there}
    assert list(shown.values()) == sorted(shown.values())


def test_what_a_room_may_import_is_what_the_test_lets_it():
    for level, name, _, may in rows("The rooms"):
        below = int(level) - 1
        wanted = {0: "nothing", 1: "level 1"}.get(below, f"levels 1 to {below}")
        beside = sorted(there for own, there in BESIDE if own == name.strip("`"))
        wanted += "".join(f", `{there}`" for there in beside)
        assert may == wanted, name


def test_where_to_add_something_names_what_the_issue_asks_for():
    places = {what: where for what, where, _ in rows("Where to add something")}
    for what in (
        "a layer", "a loss", "an optimizer", "a schedule", "a metric", "a callback",
        "an augmentation", "a data set", "a backend", "a rewrite", "a command",
        "a section of the certificate's page", "a backend's form of a layer or a loss",
    ):  # fmt: skip
        assert places[what], what


def test_the_words_are_sorted_and_their_classes_are_there():
    words = [word for word, _ in rows("Words")]
    assert words == sorted(words, key=str.lower)
    wanted = {
        "spec", "block", "typed graph", "entry", "form", "code", "target", "UNSET", "gap",
        "witness", "session", "staged batch", "ability", "program", "source map", "slot",
        "recipe", "run folder", "checkpoint", "certificate", "conformance check",
        "canonical name, layout", "aligned semantics", "native semantics",
    }  # fmt: skip
    assert wanted <= set(words)
    classes = re.findall(r"`([A-Z][a-z]\w+)`", "\n".join(t for _, t in rows("Words")))
    defined = set()
    for module in imports.modules(ROOT):
        if module.startswith(
            ("polyframe.spec", "polyframe.compiler", "polyframe.contract")
        ):
            defined |= set(vars(importlib.import_module(module)))
    assert len(classes) > 8 and set(classes) <= defined
