"""Notes: which differences of the registry show in programs, and in which lines.

A difference is noted where a program has a layer, loss or optimizer that its entry names,
and where its ``when`` holds (``polyframe.differences.conditions``), so that notes are
about what a reader sees and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from polyframe.compiler.program import WHOLE, Role, Span
from polyframe.differences import Difference, differences
from polyframe.differences.conditions import ROLE, holds
from polyframe.spec.semantics import ASPECTS, Semantics, native_aspects
from polyframe.teach.alignment import Row
from polyframe.teach.facts import known
from polyframe.teach.shown import Shown

PLAIN_CALL = re.compile(r"\w+ = self[\w.\[\]\"']*\([\w, =]*\)")
"""A line of the forward pass that calls a layer and does nothing else."""
INSTEAD: Mapping[Role, Role] = {"construction": "forward", "forward": "construction"}
"""Role → the one whose lines are taken where a program has no lines of it."""


@dataclass(frozen=True)
class Note:
    """A difference that shows in programs.

    - ``texts``: backend → what it does, of the backends that are shown;
    - ``paths``: the nodes that it is about; none where it is about the training step;
    - ``rows``: backend → the rows (by index) in which its lines are;
    - ``native``: whether semantics leave it to each framework, so that results differ.
    """

    number: int
    difference: Difference
    texts: Mapping[str, str]
    paths: tuple[str, ...]
    rows: Mapping[str, tuple[int, ...]]
    native: bool


@dataclass(frozen=True)
class Places:
    """Where a difference shows: nodes with the role to look at."""

    difference: Difference
    nodes: dict[tuple[str, Role], None]


def notes(several: Sequence[Shown], rows: Sequence[Row]) -> tuple[Note, ...]:
    """The notes of programs whose pieces are these rows, numbered from the top."""
    index = {one.name: RowIndex(one, rows) for one in several}
    found: list[tuple[Places, dict[str, tuple[int, ...]]]] = []
    for places in noted(several):
        by_backend = {}
        for one in several:
            if one.name in places.difference.backends:
                at = index[one.name].of(places)
                if at:
                    by_backend[one.name] = at
        if by_backend:
            found.append((places, by_backend))
    found.sort(key=lambda pair: min(min(at) for at in pair[1].values()))
    left_open = open_differences(several[0].target.semantics)
    return tuple(
        Note(
            number,
            places.difference,
            {
                one.name: places.difference.backends[one.name]
                for one in several
                if one.name in places.difference.backends
            },
            tuple(dict.fromkeys(path for path, _ in places.nodes if path != WHOLE)),
            by_backend,
            places.difference.id in left_open,
        )
        for number, (places, by_backend) in enumerate(found, 1)
    )


def noted(several: Sequence[Shown]) -> Iterator[Places]:
    """The differences that hold somewhere in one of the programs, and that these
    backends do not all do alike."""
    names = [one.name for one in several]
    by_word: dict[str, list[Difference]] = {}
    for difference in differences():
        if differing(difference, names):
            for word in difference.entries or ("",):
                by_word.setdefault(word, []).append(difference)
    found: dict[str, Places] = {}
    for one in several:
        for what in known(one):
            for difference in by_word.get(what.word, ()):
                if not difference.entries and ROLE not in difference.when:
                    continue  # about no line of a program
                if not holds(difference.when, what.facts):
                    continue
                role = role_of(difference, what.role)
                path = what.path
                if not what.word and role in INSTEAD:  # of all layers: of the first
                    path = one.flat.nodes[0].path
                places = found.setdefault(difference.id, Places(difference, {}))
                places.nodes[path, role] = None
    yield from (found[d.id] for d in differences() if d.id in found)


def differing(difference: Difference, names: Sequence[str]) -> bool:
    """Whether a difference is one between these backends, or one of a single backend."""
    texts = [difference.backends.get(name) for name in names]
    if not any(texts):
        return False
    return len(names) == 1 or len(set(texts)) > 1


def role_of(difference: Difference, usual: Role) -> Role:
    """The role whose lines show it."""
    role = difference.when.get(ROLE, usual)
    return role  # type: ignore[return-value]  # tests check what entries say


def open_differences(semantics: Semantics) -> set[str]:
    """The differences that semantics leave to each framework, by id."""
    native = native_aspects(semantics)
    return {id for a in ASPECTS if a.name in native for id in a.differences}


class RowIndex:
    """Where the lines of a program's nodes are, as rows."""

    def __init__(self, shown: Shown, rows: Sequence[Row]) -> None:
        self.program = shown.program
        self.lines = {name: t.splitlines() for name, t in self.program.texts.items()}
        self.rows = {
            (piece.file, line): number
            for number, row in enumerate(rows)
            for name, piece in row.pieces.items()
            if name == shown.name
            for line in range(piece.first, piece.last + 1)
        }

    def of(self, places: Places) -> tuple[int, ...]:
        """The rows that show a difference, in order."""
        spans = (span for place in places.nodes for span in self.spans(places, *place))
        return tuple(sorted({self.rows[span.file, span.first] for span in spans}))

    def spans(self, places: Places, path: str, role: Role) -> Iterable[Span]:
        """The lines of a node that show a difference."""
        roles = self.program.source_map.get(path, {})
        whole = self.program.source_map.get(WHOLE, {})
        span = roles.get(role) or whole.get(role)
        if span is None and role in INSTEAD:
            span = roles.get(INSTEAD[role])
        if span is None:
            return
        yield span
        kinds = places.difference.kinds
        if ROLE in places.difference.when or "weights" in kinds:
            return
        called = roles.get("forward")
        if "forward" in kinds and called not in (None, span) and not self.plain(called):
            yield called

    def plain(self, span: Span) -> bool:
        """Whether lines do nothing but call a layer."""
        lines = self.lines[span.file][span.first - 1 : span.last]
        code = [line.partition("  # ")[0].strip() for line in lines]
        text = "".join(line for line in code if not line.startswith("#"))
        return PLAIN_CALL.fullmatch(text) is not None
