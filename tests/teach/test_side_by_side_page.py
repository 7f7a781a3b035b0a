"""The page: self-contained, no scripts, escaped, linked both ways."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import pytest
from helpers.failing import fails
from helpers.support import BACKENDS

from polyframe import zoo
from polyframe.errors import PolyframeError
from polyframe.teach.recipes import recipe_for
from polyframe.teach.rewrites import changes
from polyframe.teach.shown import write_shown
from polyframe.teach.side_by_side import SideBySide, side_by_side
from polyframe.teach.side_by_side_page import changes_page, page


@cache
def beside() -> SideBySide:
    return side_by_side(write_shown(recipe_for(zoo.residual_cnn()), BACKENDS))


@cache
def diffs() -> str:
    several = write_shown(recipe_for(zoo.digits_cnn()), BACKENDS)
    return changes_page([changes(one) for one in several])


class Read(HTMLParser):
    """Elements, ids, links, and the text of programs by column."""

    VOID = ("meta", "link", "input")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def values(self, name: str) -> list[str]:
        return [str(attrs[name]) for _, attrs in self.tags if name in attrs]


@pytest.mark.parametrize("make", [lambda: page(beside()), diffs])
def test_a_page_loads_and_runs_nothing(make: Callable[[], str]) -> None:
    text = make()
    read = Read(text)
    tags = {tag for tag, _ in read.tags}
    assert not tags & {"script", "iframe", "img", "form", "object"}
    assert "default-src 'none'" in text and "script-src" not in text
    assert not re.search(r"https?://", text.partition("<main>")[0])
    assert all(href.startswith(("#", "data:,")) for href in read.values("href"))
    assert "url(" not in text and "@import" not in text
    assert not any(name.startswith("on") for _, attrs in read.tags for name in attrs)


@pytest.mark.parametrize("make", [lambda: page(beside()), diffs])
def test_links_lead_somewhere_and_ids_are_single(make: Callable[[], str]) -> None:
    read = Read(make())
    ids = read.values("id")
    assert len(set(ids)) == len(ids)
    targets = {href[1:] for href in read.values("href") if href.startswith("#")}
    assert targets and targets <= set(ids)


def test_notes_and_lines_are_linked_both_ways() -> None:
    text = page(beside())
    for note in beside().notes:
        there = text.count(f'href="#note-{note.number}"')
        assert there == sum(map(len, note.rows.values()))
        (article,) = re.findall(
            rf'<article id="note-{note.number}">(.*?)</article>', text, re.S
        )
        rows = {int(n) for n in re.findall(r'href="#row-(\d+)"', article)}
        assert rows == {row for at in note.rows.values() for row in at}


def test_a_framework_has_a_column_and_a_switch() -> None:
    read = Read(page(beside()))
    switches = [a for tag, a in read.tags if tag == "input"]
    assert [a["id"] for a in switches] == ["show-0", "show-1", "show-2"]
    assert ["checked" in a for a in switches] == [True, False, False]
    labels = [a["for"] for tag, a in read.tags if tag == "label"]
    assert labels == ["show-0", "show-1", "show-2"]
    cells = [a for tag, a in read.tags if tag == "td"]
    assert len(cells) == 3 * sum(len(part.rows) for part in beside().parts)
    alone = side_by_side(write_shown(recipe_for(zoo.digits_cnn()), ["torch"]))
    assert "<input" not in page(alone)


def test_the_text_of_programs_is_all_there() -> None:
    text = page(beside())
    plain = re.sub(
        r'<span class="n"[^>]*>\d+</span>|<a class="m".*?</a>|<[^>]+>', "", text
    )
    for part in beside().parts:
        for cells in part.rows:
            for lines in cells.lines.values():
                for line in lines:
                    escaped = line.text.replace("&", "&amp;").replace("<", "&lt;")
                    escaped = escaped.replace(">", "&gt;").replace('"', "&#34;")
                    assert escaped.replace("'", "&#39;") in plain


def test_what_strangers_wrote_is_escaped() -> None:
    bad = "<script>alert(1)</script>"
    side = beside()
    part = replace(side.parts[0], title=bad)
    note = side.notes[0]
    note = replace(note, difference=replace(note.difference, title=bad, meaning=bad))
    side = replace(
        side, name=bad, parts=(part, *side.parts[1:]), notes=(note,), defaults=(bad,)
    )
    text = page(side)
    assert "<script" not in text and text.count("&lt;script&gt;") >= 5


def test_diffs_say_what_changed_and_why() -> None:
    text = diffs()
    assert 'class="added"' in text and 'class="removed"' in text
    assert "pool1 before relu1" in text and "why it is exact" in text
    assert 'href="#cause-0-1"' in text and 'id="cause-2-1"' in text


def test_without_jinja2_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    message = "a page is made with Jinja2, which is not installed"
    fails(PolyframeError, lambda: page(beside()), message)
    fails(PolyframeError, lambda: page(beside()), 'pip install "polyframe[teach]"')
