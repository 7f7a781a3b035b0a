"""The tables of a fairness lint: calls, settings, and the defaults of each framework."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, TypedDict

from polyframe.contract import registry
from polyframe.contract.aspects import shown
from polyframe.io.text import parse_yaml
from polyframe.spec.fields import UNSET
from polyframe.spec.initializers import Initializer
from polyframe.spec.layers import Layer
from polyframe.spec.losses import Loss
from polyframe.spec.optimizers import Optimizer

FOLDER = Path(__file__).parent
UNREAD, SKIP = "unread", "skip"


@dataclass(frozen=True)
class Setting:
    """What decides a comparison; see the top of settings.yaml."""

    setting: str
    title: str
    why: str
    fields: tuple[str, ...] = ()
    difference: str = ""
    absent: object = SKIP
    of_layers: bool = False
    joined: bool = False
    if_given: bool = False
    way: str = ""


@dataclass(frozen=True)
class Call:
    """What a call of a program decides; see the top of calls.yaml."""

    element: str = ""
    order: Sequence[str] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, object] = field(default_factory=dict)
    inverse: Sequence[str] = ()
    sets: Mapping[str, object] = field(default_factory=dict)
    reads: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[object, object]] = field(default_factory=dict)
    neutral: Mapping[str, object] = field(default_factory=dict)
    windows: Sequence[str] = ()
    words: Sequence[str] = ()
    word: str = ""
    loader: bool = False
    replaces: bool = False


class Row(TypedDict, total=False):
    """A call as calls.yaml has it: as ``Call``, or ``like`` another row."""

    like: str
    element: str
    order: list[str]
    fields: dict[str, str]
    defaults: dict[str, object]
    inverse: list[str]
    sets: dict[str, object]
    reads: dict[str, str]
    values: dict[str, dict[object, object]]
    neutral: dict[str, object]
    windows: list[str]
    words: list[str]
    word: str
    loader: bool
    replaces: bool


class Table(TypedDict):
    """A framework as calls.yaml has it."""

    title: str
    absent: dict[str, object]
    families: dict[str, str]
    names: dict[str, str | list[str]]
    calls: dict[str, Row]
    methods: dict[str, Row]
    helpers: dict[str, Row]
    attributes: dict[str, dict[str, object]]
    loads: list[str]
    waits: list[str]


@dataclass(frozen=True)
class Framework:
    """The calls of one framework's programs, by their full names, methods by the last."""

    name: str
    title: str
    names: Mapping[str, str | list[str]]
    calls: Mapping[str, Call]
    methods: Mapping[str, Call]
    helpers: Mapping[str, Call]
    attributes: Mapping[str, Mapping[str, object]]
    words: Mapping[str, str]
    absent: Mapping[str, object]
    families: Mapping[str, str]
    loads: frozenset[str]
    waits: frozenset[str]

    def fields_of(self, call: Call, argument: str) -> list[str]:
        """The fields of a call's element that an argument gives."""
        name = call.fields.get(argument) or self.names.get(argument, argument)
        return [name] if isinstance(name, str) else name


@cache
def settings() -> dict[str, Setting]:
    """All settings by name, in the order of findings."""
    path = FOLDER / "settings.yaml"
    rows = parse_yaml(path.read_text(encoding="utf-8"), path.name)
    return {
        row["setting"]: Setting(**{**row, "fields": tuple(row.get("fields", ()))})
        for row in rows
    }


@cache
def tables() -> dict[str, Any]:
    """calls.yaml as it is."""
    path = FOLDER / "calls.yaml"
    data: dict[str, Any] = parse_yaml(path.read_text(encoding="utf-8"), path.name)
    return data


def aliases() -> Mapping[str, str]:
    """How names of imports begin → how they are called in calls.yaml."""
    names: Mapping[str, str] = tables()["aliases"]
    return names


@cache
def frameworks() -> dict[str, Framework]:
    """All frameworks by the name of their backend."""
    return {
        name: framework(name, data)
        for name, data in tables().items()
        if name != "aliases"
    }


def framework(name: str, data: Table) -> Framework:
    """One framework from its table."""
    rows = {
        each: row
        for names, row in data["calls"].items()
        for each in (part.strip() for part in names.split(","))
    }
    calls = {each: made(row, rows) for each, row in rows.items()}
    return Framework(
        name,
        data["title"],
        data["names"],
        calls,
        {each: made(row, rows) for each, row in data["methods"].items()},
        {each: made(row, rows) for each, row in data["helpers"].items()},
        data["attributes"],
        {call.word: full for full, call in calls.items() if call.word},
        data["absent"],
        data["families"],
        frozenset(data["loads"]),
        frozenset(data["waits"]),
    )


def made(row: Row, rows: Mapping[str, Row]) -> Call:
    """A call of a row, which may be like another."""
    merged: dict[str, Any] = {**rows[row["like"]], **row} if "like" in row else {**row}
    merged.pop("like", None)
    return Call(**merged)


@cache
def element_fields(element: str) -> Mapping[str, object]:
    """The fields of a layer, loss or optimizer, with their neutral defaults."""
    for family in (Optimizer, Layer, Loss):
        if element in family.registry:
            return {
                f.name: f.metadata["aligned"] if f.default is UNSET else f.default
                for f in dataclasses.fields(family.registry[element])  # type: ignore[arg-type]
            }
    raise KeyError(element)


def default(backend: str, call: Call, name: str) -> object:
    """What a framework has where a field is not given."""
    if name in call.defaults:
        return call.defaults[name]
    return own_default(backend, call.element, name)


@cache
def own_default(backend: str, element: str, name: str) -> object:
    """What a backend has for a field of an element: its own default, or the neutral."""
    own = registry.get(backend).defaults.get(element, {})
    value = own.get(name, element_fields(element)[name])
    return shown(value) if isinstance(value, Initializer) else value


@cache
def setting_of(element: str, name: str) -> Setting | None:
    """The setting that a field of an element is."""
    for each in settings().values():
        if any(fnmatchcase(f"{element}.{name}", pattern) for pattern in each.fields):
            return each
    return None
