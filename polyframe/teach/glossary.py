"""The glossary: the words that polyframe's pages use, and those that a learner meets.

``glossary.yaml`` is where it is written; the table "Words" in ``docs/architecture.md`` is
its first part, and a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from polyframe.errors import SpecError
from polyframe.io.text import parse_yaml, read_text
from polyframe.teach.explain.parts import Explanation, Section, Text

FILE = Path(__file__).with_name("glossary.yaml")
PARTS = ("polyframe", "learning")
KEYS = {"term", "meaning", "topics"}


@dataclass(frozen=True)
class Term:
    """A word: what it means, in one to three sentences of Markdown, and the topics
    (``family/name``) that say more. ``part``: "polyframe" for the project's own words,
    "learning" for those of the field."""

    term: str
    meaning: str
    topics: tuple[str, ...]
    part: str


@cache
def glossary() -> tuple[Term, ...]:
    """All terms, in the order of the file."""
    return load(FILE)


def load(path: Path) -> tuple[Term, ...]:
    """The terms of a file; SpecError for a wrong one."""
    where = path.name
    data = parse_yaml(read_text(path), where)
    if not isinstance(data, Mapping) or tuple(data) != PARTS:
        raise SpecError(f"needs the keys {' and '.join(PARTS)}", where=where)
    terms = []
    for part in PARTS:
        if not isinstance(data[part], list):
            raise SpecError("is not a list of terms", where=f"{where}: {part}")
        terms += [_term(item, part, f"{where}: {part}") for item in data[part]]
    names = [term.term for term in terms]
    for name in names:
        if names.count(name) > 1:
            raise SpecError(f"{name!r} is there twice", where=where)
    return tuple(terms)


def _term(item: object, part: str, where: str) -> Term:
    if not isinstance(item, Mapping) or set(item) != KEYS:
        raise SpecError(
            f"has a term without the keys {', '.join(sorted(KEYS))}", where=where
        )
    name, meaning, topics = item["term"], item["meaning"], item["topics"]
    if not isinstance(name, str) or not isinstance(meaning, str):
        raise SpecError("has a term or a meaning that is no text", where=where)
    if not isinstance(topics, list) or not all(isinstance(t, str) for t in topics):
        raise SpecError("topics is not a list of texts", where=f"{where}: {name}")
    return Term(name, meaning.strip(), tuple(topics), part)


def explain_term(name: str) -> Explanation:
    """What a word means."""
    term = next(t for t in glossary() if t.term == name)
    blocks = (Text(without_links(term.meaning)),)
    summary = without_links(term.meaning)
    return Explanation(
        "term", name, summary, (Section("meaning", "Meaning", blocks),), (), term.topics
    )


def without_links(text: str) -> str:
    """Markdown whose links are pages of docs/: ``[Native semantics](native.md)`` is
    Native semantics (docs/native.md)."""
    return re.sub(r"\[([^]]+)\]\((\w+\.md)\)", r"\1 (docs/\2)", text)


def words_table() -> str:
    """The table of polyframe's own words, as ``docs/architecture.md`` has it."""
    rows = [f"| {t.term} | {t.meaning} |" for t in glossary() if t.part == "polyframe"]
    return "\n".join(["| word | meaning |", "|---|---|", *rows]) + "\n"
