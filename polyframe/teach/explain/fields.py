"""The fields of an element as a table: meaning, what each takes, and its default.

Meanings come from the docstrings' lists (``- ``stride``: …``) of a class and its bases;
those that only a formula explains stand in ``meanings``. A test fails where a field has
none.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Mapping

from polyframe.spec.element import Element, value_text
from polyframe.spec.fields import UNSET
from polyframe.teach.explain.meanings import MEANINGS, SPECIAL
from polyframe.teach.explain.parts import Table

Defaults = Mapping[str, Mapping[str, str]]
"""Title of a backend → field → the backend's own default, as text."""

ITEM = re.compile(r"^- (``\w+``.*?)(?=^- |^\s*$|\Z)", re.MULTILINE | re.DOTALL)
NAMES = re.compile(r"(?:``\w+``(?:, | and )?)+")


def documented(cls: type[Element]) -> dict[str, str]:
    """Field → what the docstrings of a class and its bases say in a list."""
    meanings: dict[str, str] = {}
    for owner in reversed(cls.__mro__):
        doc = inspect.cleandoc(owner.__dict__.get("__doc__") or "")
        for item in ITEM.findall(doc):
            for part in re.split(r"(?<=[.;]) (?=``\w+``: )", " ".join(item.split())):
                names = NAMES.match(part)
                if names:
                    text = part[names.end() :].lstrip(": ").strip().rstrip(".")
                    for name in re.findall(r"``(\w+)``", names[0]):
                        meanings[name] = text
    return meanings


def meaning(cls: type[Element], name: str) -> str | None:
    """What a field is; None where nothing says it."""
    known = documented(cls).get(name, "")
    other = SPECIAL.get((cls.word, name)) or MEANINGS.get(name)
    if known.startswith("UNSET") and other:
        return f"{other}; {known}"
    return known or other


def description(cls: type[Element]) -> str:
    """The docstring, without the items that the table of fields shows."""
    doc = inspect.getdoc(cls) or ""
    fields = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for item in ITEM.findall(doc):
        names = NAMES.match(item)
        if names and set(re.findall(r"``(\w+)``", names[0])) <= fields:
            doc = doc.replace(f"- {item}", "")
    return re.sub(r"\n{3,}", "\n\n", doc).strip()


def fields_table(cls: type[Element], defaults: Defaults) -> Table | None:
    """The fields as a table; None without any."""
    rows = []
    for f in dataclasses.fields(cls):  # type: ignore[arg-type]
        if "kind" in f.metadata:
            allowed = f.metadata["kind"].of(cls).allowed
            default = default_text(f, defaults)
            rows.append((f"`{f.name}`", meaning(cls, f.name) or "", allowed, default))
    heads = ("field", "meaning", "what it takes", "default")
    return Table(heads, tuple(rows)) if rows else None


def default_text(field: dataclasses.Field[object], defaults: Defaults) -> str:
    """A field's default; of one that is UNSET, what it resolves to with each
    semantics."""
    if field.default is dataclasses.MISSING:
        return "must be given"
    if field.default is not UNSET:
        return text_of(field.default)
    texts = [f"UNSET: aligned {text_of(field.metadata['aligned'])}"]
    for title, own in defaults.items():
        if field.name in own:
            texts.append(f"{title}'s own {own[field.name]}")
    return "; ".join(texts)


def text_of(value: object) -> str:
    """A value as it is written in YAML."""
    return f"`{value_text(value)}`"
