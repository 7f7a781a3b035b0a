"""Programs cut into pieces by their source maps, and the pieces put beside each other.

A piece is a run of lines that one node has in one role, as the construction of ``conv1``,
or that the whole program has (its optimizer, its step). Lines that the source map does not
name, as the head of a class, go with the piece after or before them. Pieces of different
programs with one key are a row.

Sections are a part of a block: the construction of a class, its forward pass. Within one,
each program keeps its order. Programs have their classes in different orders, so sections
stand in an order of their own; and what one program has inside of a statement, where
another has a class, stands in that class's section.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import NamedTuple

from polyframe.compiler.program import WHOLE, Program, Role, Span
from polyframe.teach.shown import Shown, walk

PARTS: Mapping[str, str] = {
    "imports": "Imports",
    "construction": "Construction",
    "forward": "Forward pass",
    "loss": "Loss",
    "optimizer": "Optimizer",
    "step": "Training step",
    "helpers": "Helpers",
}
"""The parts of a program, and how they are called."""
PART_OF: Mapping[Role, str] = {
    "construction": "construction",
    "forward": "forward",
    "loss": "loss",
    "optimizer": "optimizer",
    "optimizer_class": "helpers",
    "freeze": "optimizer",
    "loss_and_gradients": "step",
    "apply": "step",
    "train_step": "step",
}
DEFINED = re.compile(r"(?:class|def) +(\w+)")


class Section(NamedTuple):
    """A part of the program, of the block of that path ("" for the model itself)."""

    block: str
    part: str


class Piece(NamedTuple):
    """Lines of a file, the first and the last, counted from 1; ``key`` says what they are
    to every backend."""

    section: Section
    key: tuple[str, ...]
    file: str
    first: int
    last: int


@dataclass
class Row:
    """Pieces of one key: backend → its piece."""

    section: Section
    key: tuple[str, ...]
    pieces: dict[str, Piece] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The path of the node that it is about; "" of anything else."""
        return self.key[0] if len(self.key) == 2 else ""


def align(several: Sequence[Shown]) -> list[Row]:
    """The rows of programs, by section: inner blocks before those that have them, and
    the model last; one program alone keeps its order."""
    inside = set.intersection(*(inlined(one.program) for one in several))
    sections: dict[Section, list[Row]] = {}
    for one in several:
        groups: dict[Section, list[Piece]] = {}
        for piece in pieces(one, inside):
            groups.setdefault(piece.section, []).append(piece)
        for section, new in groups.items():
            there = sections.get(section, [])
            sections[section] = merged(there, new, one.name)
    ordered = list(sections)
    if len(several) > 1:
        ordered.sort(key=Order(several[0]))
    return [row for section in ordered for row in sections[section]]


class Order:
    """The order of sections: by their parts, but the construction and the forward pass of
    a block together."""

    def __init__(self, shown: Shown) -> None:
        self.order = {node.path: i for i, node in enumerate(walk(shown.graph))}

    def __call__(self, section: Section) -> tuple[int, int, int, int]:
        """What sections are sorted by."""
        block, part = section
        number = list(PARTS).index(part)
        if part not in ("construction", "forward"):
            return number, 0, 0, 0
        depth = block.count(".") + 1 if block else 0
        first = list(PARTS).index("construction")
        return first, -depth, self.order.get(block, len(self.order)), number


def merged(rows: Sequence[Row], new: Sequence[Piece], backend: str) -> list[Row]:
    """Rows of a section with one more backend's pieces."""
    there = [row.key for row in rows]
    here = [piece.key for piece in new]
    both: list[Row] = []
    matcher = SequenceMatcher(None, there, here, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        both += rows[a:b]
        if tag == "equal":
            for row, piece in zip(rows[a:b], new[c:d], strict=True):
                row.pieces[backend] = piece
        else:
            both += (Row(p.section, p.key, {backend: p}) for p in new[c:d])
    return both


def inlined(program: Program) -> set[str]:
    """The blocks that a program makes inside of a statement of the class around them, in
    a container, and not as a class of their own."""
    made = {
        path: roles["construction"]
        for path, roles in program.source_map.items()
        if "construction" in roles
    }
    blocks = {parent(path) for path in program.source_map} - {WHOLE}
    children: dict[str, list[str]] = {block: [] for block in blocks}
    for path in made:
        if parent(path) in children:
            children[parent(path)].append(path)
    return {
        block
        for block, paths in children.items()
        if block in made and paths and all(within(made[p], made[block]) for p in paths)
    }


def within(inner: Span, outer: Span) -> bool:
    """Whether lines are among others."""
    same = inner.file == outer.file
    return same and outer.first <= inner.first and inner.last <= outer.last


def parent(path: str) -> str:
    """The block that a node is in; "" for the model."""
    return path.rpartition(".")[0]


def pieces(shown: Shown, inside: Collection[str]) -> Iterator[Piece]:
    """All pieces of a program, in order; ``inside`` are the blocks that count as a
    statement of the class around them. Blank lines between pieces are in none."""
    for file, text in shown.program.texts.items():
        lines = text.splitlines()
        owners = owners_of(shown, file, len(lines))
        found: list[Piece] = []
        seen: set[tuple[str, ...]] = set()
        waiting: list[tuple[int, int]] = []
        for first, last, owner in runs(owners):
            if owner is None:
                waiting += chunks(lines, first, last)
                continue
            path, role = owner
            section = section_of(path, role, inside)
            found += unnamed(waiting, found, section, lines, file)
            waiting = []
            key: tuple[str, ...] = (path, role)
            if key in seen:
                key = "rest", path, role  # as the bracket that closes a container
            seen.add(key)
            found.append(Piece(section, key, file, first, last))
        found += unnamed(waiting, found, None, lines, file)
        yield from found


Owner = tuple[str, Role] | None


def owners_of(shown: Shown, file: str, count: int) -> list[Owner]:
    """What each line belongs to: of all whose lines it is among, those with the fewest
    lines, the outermost, the first."""
    program = shown.program
    order = {node.path: i for i, node in enumerate(walk(shown.graph))}
    best: list[tuple[int, int, int]] = [(count + 1, 0, 0)] * (count + 1)
    owners: list[Owner] = [None] * (count + 1)
    for path, roles in program.source_map.items():
        for role, span in roles.items():
            if span.file != file:
                continue
            place = order.get(path, len(order))
            rank = (span.last - span.first, path.count("."), place)
            for line in range(span.first, span.last + 1):
                if rank < best[line]:
                    best[line], owners[line] = rank, (path, role)
    helpers = program.helpers
    if helpers is not None and helpers.span.file == file:
        for line in range(helpers.span.first, helpers.span.last + 1):
            owners[line] = (WHOLE, "optimizer_class")
    return owners[1:]


def section_of(path: str, role: Role, inside: Collection[str]) -> Section:
    """The section of a node's lines: of the block in whose class they are."""
    if role not in ("construction", "forward"):
        return Section("", PART_OF[role])
    block = parent(path)
    while block in inside:
        block = parent(block)
    return Section(block, PART_OF[role])


def runs(owners: Sequence[Owner]) -> Iterator[tuple[int, int, Owner]]:
    """Lines in a row of the same owner: the first and the last."""
    first = 0
    for line in range(1, len(owners) + 1):
        if line == len(owners) or owners[line] != owners[first]:
            yield first + 1, line, owners[first]
            first = line


def chunks(lines: Sequence[str], first: int, last: int) -> Iterator[tuple[int, int]]:
    """The parts of some lines that blank lines separate. An empty part at the beginning
    is one, too: what follows it does not go with the lines before."""
    start = first
    for line in range(first, last + 1):
        if not lines[line - 1].strip():
            if start < line or start == first:
                yield start, line - 1
            start = line + 1
    if start <= last:
        yield start, last


def unnamed(
    waiting: Sequence[tuple[int, int]],
    before: Sequence[Piece],
    following: Section | None,
    lines: Sequence[str],
    file: str,
) -> Iterator[Piece]:
    """The pieces of lines that the source map does not name: the head of the section that
    follows, the end of the one before, or something of its own."""
    if not waiting:
        return
    previous = before[-1].section if before else None
    for number, (first, last) in enumerate(waiting):
        if first > last:
            continue
        section = previous or Section("", "imports")
        if number == 0 and previous is not None:
            key = ("end", *before[-1].key)
        elif number == len(waiting) - 1 and following is not None:
            section = following
            key = ("head", following.block, following.part)
        else:
            match = DEFINED.search(lines[first - 1])
            key = ("own", "", match[1] if match else str(number))
        yield Piece(section, key, file, first, last)
