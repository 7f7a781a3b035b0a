"""A fairness lint: what would make a comparison of training programs unfair.

``check`` reads programs and recipes (``polyframe.study.lint``), fills in what each
framework does where a program says nothing, and names each setting that differs. Nothing
is run, and what cannot be read is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyframe.differences import differences
from polyframe.errors import PolyframeError, one_line
from polyframe.spec import shipped
from polyframe.study.lint.extract import extract
from polyframe.study.lint.program import Program, Reading, comparable
from polyframe.study.lint.recipes import extract_recipe
from polyframe.study.lint.tables import SKIP, UNREAD, Setting, settings

SCHEMA = 1
"""The version of the JSON form."""
DIFFERENT, MISTAKE, NOT_READ = "different", "mistake", "not read"
KINDS = (DIFFERENT, MISTAKE, NOT_READ)
"""What a finding is: a setting that differs, what a program does wrong by itself, and what
could not be compared. Only the first two make a comparison unfair."""
MOST = 20
"""The most programs that are read at once."""
RECIPES = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class Seen:
    """What one program has: ``value`` in the common convention, ``text`` as it writes it,
    ``where`` as file:line, and whether it was ``given``, or is the framework's default."""

    program: str
    framework: str
    value: str
    text: str
    where: str
    given: bool


@dataclass(frozen=True)
class Finding:
    """One thing that a comparison has to know.

    ``kind``: one of ``KINDS``. ``difference``: the id of the registry's entry, or "".
    ``why`` it matters, and the ``way`` out: what to write.
    """

    kind: str
    setting: str
    title: str
    seen: tuple[Seen, ...]
    difference: str
    why: str
    way: str

    @property
    def unfair(self) -> bool:
        """Whether the comparison is unfair because of it."""
        return self.kind != NOT_READ

    @property
    def sentence(self) -> str:
        """The finding in one line, for people."""
        told = ", ".join(
            f"{each.value}{'' if each.given or not self.unfair else ' by default'} "
            f"({each.where})".lstrip()
            for each in self.seen
        )
        parts = [f"{self.title}: {told}", self.why]
        text = "; ".join(part for part in parts if part)
        return one_line(f"{text} ({self.way})" if self.way else text)

    def to_data(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {**vars(self), "seen": [dict(vars(each)) for each in self.seen]}


def check(paths: Sequence[str | Path]) -> list[Finding]:
    """What makes a comparison of these programs (.py) and recipes (.yaml, or shipped
    names) unfair: settings that differ in the order of ``settings.yaml``, then mistakes
    of single programs, then what was not read.

    PolyframeError for fewer than two, for one named twice, and for a file that is not a
    program of PyTorch, TensorFlow, Keras or MXNet.
    """
    if not 2 <= len(paths) <= MOST:
        raise PolyframeError(
            f"got {len(paths)}; 2 to {MOST} programs or recipes are needed",
            where="compare --check",
        )
    twins = [p for i, p in enumerate(paths) if str(p) in map(str, paths[:i])]
    if twins:
        raise PolyframeError(f"{twins[0]} is given twice", where="compare --check")
    return findings([program(path) for path in paths])


def program(path: str | Path) -> Program:
    """A program or a recipe, read."""
    name = str(path)
    if name.lower().endswith(RECIPES) or name in shipped.names("recipe"):
        return extract_recipe(path)
    return extract(Path(path))


def findings(programs: Sequence[Program]) -> list[Finding]:
    """All findings of programs that were read."""
    several = [
        each for setting in settings().values() for each in compared(setting, programs)
    ]
    mistakes = [
        Finding(
            MISTAKE, "program", mistake.title,
            (Seen(str(p.path), p.title, "", "", f"{p.path}:{mistake.line}", True),),
            "", mistake.why, mistake.way,
        )
        for p in programs
        for mistake in p.mistakes
    ]  # fmt: skip
    several += mistakes
    return sorted(several, key=lambda each: KINDS.index(each.kind))


def compared(setting: Setting, programs: Sequence[Program]) -> list[Finding]:
    """What there is to say of one setting: for each field that is it, if it is one of
    elements that are compared one by one."""
    if setting.if_given and not any(each.of(setting.setting) for each in programs):
        return []
    groups: dict[tuple[str, str], None] = {}
    for each in programs:
        for reading in each.of(setting.setting):
            groups[key(setting, reading)] = None
    if len(groups) > 1:
        groups.pop(("", ""), None)
    made = (group(setting, programs, each) for each in groups or {("", ""): None})
    return [each for each in made if each is not None]


def key(setting: Setting, reading: Reading) -> tuple[str, str]:
    """What readings are compared within: the field of an element."""
    return ("", "") if setting.joined else (reading.element, reading.name)


def group(
    setting: Setting, programs: Sequence[Program], within: tuple[str, str]
) -> Finding | None:
    """The finding of one group of readings; None if all is equal."""
    title = setting.title
    found: list[tuple[Program, list[Reading]]] = []
    unread: list[Seen] = []
    for each in programs:
        readings = [r for r in each.of(setting.setting) if key(setting, r) == within]
        loose = [r for r in each.of(setting.setting) if not r.read and not r.element]
        if not readings and not loose and each.of(setting.setting):
            continue  # of another element: that is said already
        if not readings and not loose:
            own = each.framework.absent if each.framework is not None else {}
            absent = own.get(setting.setting, setting.absent)
            if setting.of_layers and not each.of("initializer"):
                absent = SKIP
            if absent == UNREAD:
                unread.append(seen(each, None, "is not in the program"))
                continue
            if absent == SKIP:
                continue
            readings = [Reading(setting.setting, comparable(absent), given=False)]
        wrong = [r for r in (*readings, *loose) if not r.read]
        if wrong:
            unread.append(seen(each, wrong[0], wrong[0].problem))
            continue
        found.append((each, readings))
    values = {frozenset(repr(r.value) for r in readings) for _, readings in found}
    if len(values) > 1:
        shown = tuple(seen(each, reading) for each, rs in found for reading in once(rs))
        return Finding(
            DIFFERENT, setting.setting, named(title, within), shown,
            setting.difference, setting.why, way(setting, found),
        )  # fmt: skip
    if unread and (found or len(unread) > 1) and setting.setting:
        return Finding(
            NOT_READ, setting.setting, f"not compared: {named(title, within)}",
            tuple(unread), "", "", "",
        )  # fmt: skip
    return None


def named(title: str, within: tuple[str, str]) -> str:
    """A title with the field, where it is one of several elements."""
    element, name = within
    return f"{title} ({element}.{name})" if name else title


def once(readings: Sequence[Reading]) -> list[Reading]:
    """The first reading of each value."""
    kept: dict[str, Reading] = {}
    for reading in readings:
        kept.setdefault(repr(reading.value), reading)
    return list(kept.values())


def seen(program: Program, reading: Reading | None, problem: str = "") -> Seen:
    """A reading for people."""
    line = f":{reading.line}" if reading is not None and reading.line else ""
    value = problem or (shown(reading.value) if reading is not None else "")
    return Seen(
        one_line(str(program.path)),
        program.title,
        one_line(value),
        one_line(reading.text) if reading is not None else "",
        one_line(f"{program.path}{line}"),
        reading is not None and reading.given,
    )


def shown(value: object) -> str:
    """A value as text: numbers as people write them."""
    text = f"{value:.12g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def way(setting: Setting, found: Sequence[tuple[Program, list[Reading]]]) -> str:
    """What to write: the first value that a program gives (or the first one has), in
    the convention of each that has another."""
    if setting.way:
        return setting.way
    readings = [reading for _, several in found for reading in several]
    wanted = next((r for r in readings if r.given), readings[0])
    texts: list[str] = []
    mixed = any(len(once(several)) > 1 for _, several in found)
    for program, several in () if mixed else found:
        for reading in once(several):
            if reading.value != wanted.value and reading.keyword:
                value = wanted.value
                if reading.inverse and isinstance(value, float):
                    value = comparable(1 - value)
                call = reading.call.rpartition(".")[2]
                text = repr(value) if isinstance(value, str) else shown(value)
                texts.append(f"{program.title}: {call}({reading.keyword}={text})")
    if not texts and setting.difference:
        (known,) = (d for d in differences() if d.id == setting.difference)
        return f"polyframe: {known.remedy}"
    return "; ".join(dict.fromkeys(texts)) or f"give all the same {setting.title}"


HEADS = ("finding", "program", "value", "where", "given", "difference", "way out")


def rows(several: Sequence[Finding]) -> list[list[str]]:
    """A table of findings, a row for each program, under ``HEADS``."""
    table = []
    for finding in several:
        for i, each in enumerate(finding.seen):
            source = (
                "" if finding.kind == MISTAKE else "yes" if each.given else "default"
            )
            if finding.kind == NOT_READ:
                source = ""
            first = i == 0
            table.append(
                [
                    finding.title if first else "",
                    each.framework,
                    each.value or finding.why,
                    each.where,
                    source,
                    finding.difference if first else "",
                    finding.way if first else "",
                ]
            )
    return table


def to_data(several: Sequence[Finding]) -> Mapping[str, Any]:
    """The findings as plain data, for JSON: ``fair`` is False if one is unfair."""
    return {
        "schema": SCHEMA,
        "fair": not any(each.unfair for each in several),
        "findings": [each.to_data() for each in several],
    }
