"""Programs side by side: sections, rows of the same node and role, cells, and notes.

``side_by_side`` is what `polyframe show` prints and its page shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from polyframe.compiler.program import Program
from polyframe.compiler.views import (
    Remark,
    Remarks,
    annotated,
    view,
)
from polyframe.differences.conditions import texts_of
from polyframe.spec.semantics import Semantics
from polyframe.teach.alignment import PARTS, Piece, Row, align
from polyframe.teach.defaults import native_defaults
from polyframe.teach.highlight import Tokens, highlight
from polyframe.teach.notes import Note, notes
from polyframe.teach.shown import Shown, walk

UNBROKEN = 10_000
"""The width of comments that whoever shows them breaks."""


class Line(NamedTuple):
    """A line of a program: its number there (None for one that was added), its words by
    kind (``highlight``), and the notes on it."""

    number: int | None
    tokens: Tokens
    marks: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        """The line without its number and marks."""
        return "".join(text for _, text in self.tokens)


@dataclass(frozen=True)
class Cells:
    """A row: what it is about (the path of a node, or ""), and backend → its lines there,
    none where its program has nothing of it."""

    path: str
    lines: Mapping[str, tuple[Line, ...]]


@dataclass(frozen=True)
class ShownSection:
    """A section: one part of the programs (a key of ``PARTS``), of one block; ``title``
    says which."""

    title: str
    part: str
    rows: tuple[Cells, ...]


@dataclass(frozen=True)
class SideBySide:
    """Programs of one network beside each other.

    - ``titles``: backend → the framework's name;
    - ``notes``: the differences that show in them;
    - ``defaults``: what is each framework's own with native semantics, a line each.
    """

    name: str
    titles: Mapping[str, str]
    semantics: Semantics
    parts: tuple[ShownSection, ...]
    notes: tuple[Note, ...]
    defaults: tuple[str, ...]


def side_by_side(
    several: Sequence[Shown], *, annotate: bool = False, full: bool = False
) -> SideBySide:
    """Programs of one network (``write_shown``) beside each other.

    ``annotate``: with canonical paths and the texts of notes as comments. ``full``: with
    the text of helpers; without, a helper is its name and the reason why it is there.
    """
    rows = align(several)
    found = notes(several, rows)
    texts = {one.name: Texts(one, rows, found, annotate, full) for one in several}
    parts = []
    for title, part, group in sections(several, rows):
        cells = [
            Cells(
                row.path,
                {name: text.cell(row, number) for name, text in texts.items()},
            )
            for number, row in group
        ]
        parts.append(ShownSection(title, part, tuple(cells)))
    return SideBySide(
        several[0].graph.name,
        {one.name: one.title for one in several},
        several[0].target.semantics,
        tuple(parts),
        found,
        tuple(native_defaults(several)),
    )


def annotated_program(
    several: Sequence[Shown], full: bool = False
) -> dict[str, Program]:
    """Backend → its program with the notes as comments, numbered as side by side; its
    helpers are folded, unless ``full``."""
    rows = align(several)
    found = notes(several, rows)
    return {
        one.name: view(
            one.program, annotate=True, full=full, remarks=remarks(one, rows, found)
        )
        for one in several
    }


def not_text(shown: Shown) -> Iterator[str]:
    """A line for each file that is not text."""
    for file, content in shown.program.files.items():
        if isinstance(content, bytes):
            size = f"{shown.program.language}, {len(content):,} bytes"
            yield f"{shown.title}: {file} ({size}) is not text"


# --- cells -----------------------------------------------------------------------------


class Texts:
    """The lines of one program, as they are shown."""

    def __init__(
        self,
        shown: Shown,
        rows: Sequence[Row],
        found: Sequence[Note],
        annotate: bool,
        full: bool,
    ) -> None:
        self.shown, self.full = shown, full
        self.notes = notes_of(shown, found)
        said = remarks(shown, rows, found) if annotate else {}
        said = {at: remark._replace(mark="") for at, remark in said.items()}
        self.sections = {
            (piece.file, piece.first): row.section
            for row in rows
            for name, piece in row.pieces.items()
            if name == shown.name
        }
        self.lines: dict[str, list[list[Line]]] = {}
        for file, text in shown.program.texts.items():
            lines = text.splitlines()
            if annotate:
                lines = annotated(shown.program, file, lines, said, UNBROKEN)
            self.lines[file] = numbered(lines, shown.program.language)

    def cell(self, row: Row, number: int) -> tuple[Line, ...]:
        """The lines of the program in a row, by the row and its index."""
        piece = row.pieces.get(self.shown.name)
        if piece is None:
            return ()
        if row.section.part == "helpers" and not self.full:
            lines = [Line(None, tokens) for tokens in self.folded()]
        else:
            several = self.lines[piece.file][piece.first - 1 : piece.last]
            lines = [line for one in several for line in one]
            lines += self.elsewhere(row, piece, lines[-1].text)
        texts = [line.text for line in lines]
        for note in self.notes.get(number, ()):
            at = meant(texts, note)
            lines[at] = lines[at]._replace(marks=(*lines[at].marks, note.number))
        return tuple(lines)

    def elsewhere(self, row: Row, piece: Piece, last: str) -> Iterator[Line]:
        """A comment in place of lines that are in the section of a block, since another
        program has a class for it."""
        following = self.sections.get((piece.file, piece.last + 1), row.section)
        if following != row.section and following.block.startswith(row.path):
            indent = " " * (len(last) - len(last.lstrip()) + 4)
            text = f"# … {following.block}: {PARTS[following.part].lower()}"
            yield Line(None, (("", indent), ("comment", text)))

    def folded(self) -> list[Tokens]:
        """What stands for the helpers: each with the reason why it is there."""
        helpers = self.shown.program.helpers
        assert helpers is not None
        count = helpers.span.last - helpers.span.first + 1
        lines = [f"# {count} lines, which --full shows:"]
        for name, reason in helpers.reasons.items():
            lines.append(f"# - {name}: {reason}" if reason else f"# - {name}")
        return highlight("\n".join(lines), self.shown.program.language)


def numbered(lines: Sequence[str], language: str) -> list[list[Line]]:
    """Each line of a file as it is shown: with those that were added above it."""
    tokens = iter(highlight("\n".join(lines), language))
    result = []
    for number, text in enumerate(lines, 1):
        added = text.count("\n")
        group = [Line(None, next(tokens)) for _ in range(added)]
        result.append([*group, Line(number, next(tokens))])
    return result


def meant(lines: Sequence[str], note: Note) -> int:
    """The index of the line that a note is on: the first that has one of the texts that
    the difference names, or calls what it is about; else the first that is no comment."""
    code = [i for i, line in enumerate(lines) if line.strip()]
    code = [i for i in code if not lines[i].lstrip().startswith("#")]
    entries = note.difference.entries
    texts = texts_of(note.difference.when) or [f"{word}(" for word in entries]
    told = [i for i in code if any(text in lines[i] for text in texts)]
    return (told or code or [0])[0]


def notes_of(shown: Shown, found: Sequence[Note]) -> dict[int, list[Note]]:
    """Row → the notes on a program's lines there."""
    by_row: dict[int, list[Note]] = {}
    for note in found:
        for row in note.rows.get(shown.name, ()):
            by_row.setdefault(row, []).append(note)
    return by_row


def remarks(shown: Shown, rows: Sequence[Row], found: Sequence[Note]) -> Remarks:
    """The notes as comments in a program: their texts where they show first."""
    above: dict[tuple[str, int], tuple[str, ...]] = {}
    marks: dict[tuple[str, int], list[int]] = {}
    for note in found:
        for i, row in enumerate(note.rows.get(shown.name, ())):
            piece = rows[row].pieces[shown.name]
            at = piece.file, line_of(shown, piece, note)
            marks.setdefault(at, []).append(note.number)
            if i == 0:
                above[at] = (*above.get(at, ()), remark(note, shown))
    return {
        at: Remark(above.get(at, ()), " ".join(f"[{n}]" for n in numbers))
        for at, numbers in marks.items()
    }


def line_of(shown: Shown, piece: Piece, note: Note) -> int:
    """The line of a piece that a note is on."""
    lines = shown.program.texts[piece.file].splitlines()
    return piece.first + meant(lines[piece.first - 1 : piece.last], note)


def remark(note: Note, shown: Shown) -> str:
    """A note in the program of one of its backends."""
    text = f"[{note.number}] {sentence(note.difference.title)}"
    text += f" {shown.title}: {sentence(note.texts[shown.name])}"
    return f"{text} {': '.join(outcome(note))}"


def outcome(note: Note) -> tuple[str, str]:
    """Who decides what becomes of a difference in the programs that are shown, and what
    that is."""
    if note.native:
        return "native", "Each framework does its own here, so that results differ."
    return "polyframe", sentence(note.difference.remedy)


def sentence(text: str) -> str:
    """A text with a full stop at its end."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


# --- sections --------------------------------------------------------------------------


def sections(
    several: Sequence[Shown], rows: Sequence[Row]
) -> Iterator[tuple[str, str, list[tuple[int, Row]]]]:
    """(title, part, rows with their index) of each section."""
    names = block_names(several)
    start = 0
    for end in range(1, len(rows) + 1):
        if end < len(rows) and rows[end].section == rows[start].section:
            continue
        block, part = rows[start].section
        title = PARTS[part]
        if part in ("construction", "forward"):
            title = f"{names.get(block, block)}: {title[0].lower()}{title[1:]}"
        yield title, part, list(enumerate(rows))[start:end]
        start = end


def block_names(several: Sequence[Shown]) -> dict[str, str]:
    """Path of a block → its kind, and which blocks are written with it; the model's name
    for the path ""."""
    first = several[0]
    names = {"": first.graph.name}
    together = written_together(several)
    for node in walk(first.graph):
        if node.body is not None:
            kind = str(getattr(node.layer, "kind", "block"))
            names[node.path] = f"{kind} ({listed(together.get(node.path, ()))})"
    return names


def written_together(several: Sequence[Shown]) -> dict[str, list[str]]:
    """Path of a block → all blocks that are written as the same class, itself among them,
    by all backends."""
    same: dict[str, set[str]] = {}
    for one in several:
        classes: dict[object, set[str]] = {}
        for path, roles in one.program.source_map.items():
            block, _, name = path.rpartition(".")
            for role in ("construction", "forward"):
                if block and role in roles:
                    key = name, role, roles[role]
                    classes.setdefault(key, set()).add(block)
        joined: dict[str, set[str]] = {}
        for blocks in classes.values():
            for block in blocks:
                joined.setdefault(block, set(blocks)).update(blocks)
        for block, others in joined.items():
            same[block] = same[block] & others if block in same else others
    order = {node.path: i for i, node in enumerate(walk(several[0].graph))}
    return {
        block: sorted(others, key=lambda path: order.get(path, 0))
        for block, others in same.items()
    }


def listed(paths: Sequence[str], most: int = 3) -> str:
    """``a, b, c and 4 more``."""
    if len(paths) <= most + 1:
        return ", ".join(paths)
    return f"{', '.join(paths[:most])} and {len(paths) - most} more"
