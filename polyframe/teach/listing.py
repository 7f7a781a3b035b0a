"""Programs side by side as lines of text of a given width, coloured or plain.

Wide screens have a column for each framework. On narrow ones the frameworks follow each
other within each section, so that what belongs together stays together.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from polyframe.teach.highlight import Tokens
from polyframe.teach.notes import Note
from polyframe.teach.side_by_side import (
    Line,
    ShownSection,
    SideBySide,
    listed,
    outcome,
)

if TYPE_CHECKING:
    from polyframe.teach.rewrites import Changed, Changes

Styled = list[tuple[str, str]]
"""A line of output as (style, text): a kind of ``highlight``, or one of ``STYLES``."""
STYLES = ("heading", "title", "mark", "soft", "removed", "added")

LEAST = 56
"""The least width of a column; lines of programs have up to 88."""
NARROWEST = 20
"""The width below which lines are not broken any further: no terminal is that narrow, and
the indentation and the mark of a comment leave room for its text."""
MOST_TEXT = 100
"""Longer lines of plain text are hard to read."""
BETWEEN = " | "
NODES = ("construction", "forward")
"""The parts whose rows follow each other without a blank line."""
DEEPER = 4
"""The indentation of a line's continuation."""


def listing(side: SideBySide, width: int, notes: bool = True) -> Iterator[Styled]:
    """All lines; without ``notes``, not what is below the programs."""
    widths = column_widths(side, width)
    for number, part in enumerate(side.parts):
        if number:
            yield []
        yield [("heading", part.title)]
        if widths is None:
            yield from stacked(side, part, width)
        else:
            yield from columns(side, part, widths)
    if notes:
        yield from below(side, width)


def column_widths(side: SideBySide, width: int) -> dict[str, int] | None:
    """Backend → the width of its column; None where columns would be too narrow."""
    count = len(side.titles)
    if count == 1:
        return {name: width for name in side.titles}
    room = width - len(BETWEEN) * (count - 1)
    wanted = {
        name: max(
            (
                sum(len(text) for _, text in whole(line))
                for part in side.parts
                for cells in part.rows
                for line in cells.lines[name]
            ),
            default=0,
        )
        for name in side.titles
    }
    if sum(wanted.values()) <= room:
        return wanted
    return dict.fromkeys(wanted, room // count) if room // count >= LEAST else None


def columns(
    side: SideBySide, part: ShownSection, widths: Mapping[str, int]
) -> Iterator[Styled]:
    """A section with a column for each framework."""
    if len(widths) > 1:
        yield joined([[("title", side.titles[n])] for n in widths], widths)
    for number, cells in enumerate(part.rows):
        if number and part.part not in NODES:
            yield joined([[] for _ in widths], widths)
        wrapped = {
            name: [row for line in cells.lines[name] for row in wrap(line, width)]
            for name, width in widths.items()
        }
        for i in range(max(map(len, wrapped.values()))):
            yield joined(
                [one[i] if i < len(one) else [] for one in wrapped.values()], widths
            )


def joined(cells: Sequence[Styled], widths: Mapping[str, int]) -> Styled:
    """One line of all columns."""
    line: Styled = []
    for number, (cell, width) in enumerate(zip(cells, widths.values(), strict=True)):
        if number:
            line.append(("soft", BETWEEN))
        line += cell
        if number < len(cells) - 1:
            line.append(("", " " * (width - sum(len(text) for _, text in cell))))
    return line


def stacked(side: SideBySide, part: ShownSection, width: int) -> Iterator[Styled]:
    """A section with the frameworks one after the other."""
    for name, title in side.titles.items():
        groups = [cells.lines[name] for cells in part.rows if cells.lines[name]]
        if groups:
            yield [("title", f"{title}:")]
        for number, group in enumerate(groups):
            if number and part.part not in NODES:
                yield []
            for line in group:
                yield from wrap(line, width)


# --- lines ---------------------------------------------------------------------------


def whole(line: Line) -> Styled:
    """A line with its marks, however long."""
    marks = " ".join(f"[{number}]" for number in line.marks)
    return [*line.tokens, *([("", "  "), ("mark", marks)] if marks else [])]


def wrap(line: Line, width: int) -> Iterator[Styled]:
    """A line of a program in lines of that width: its comment and its marks go to a line
    of their own before code is broken."""
    words = whole(line)
    if sum(len(text) for _, text in words) <= width:
        yield words
        return
    code, ends = apart(line.tokens)
    text = "".join(text for _, text in code)
    indent = len(text) - len(text.lstrip())
    lines = list(broken(code, width, indent + DEEPER))
    if line.marks:
        ends.append([("mark", " ".join(f"[{number}]" for number in line.marks))])
    for end in ends:
        room = width - sum(len(text) for _, text in lines[-1]) if lines else 0
        if lines and sum(len(text) for _, text in end) + 2 <= room:
            lines[-1] = [*lines[-1], ("", "  "), *end]
        else:
            pad = min(indent + (DEEPER if lines else 0), max(width // 2, 0))
            lines += broken([("", " " * pad), *end], width, pad)
    yield from lines


def apart(tokens: Tokens) -> tuple[list[tuple[str, str]], list[Styled]]:
    """The code of a line, and the comment at its end, if there are both."""
    *code, last = tokens or (("", ""),)
    if last[0] != "comment" or not "".join(text for _, text in code).strip():
        return list(tokens), []
    kind, text = code[-1]
    code[-1] = (kind, text.rstrip())
    return code, [[last]]


def broken(
    tokens: Iterable[tuple[str, str]], width: int, indent: int
) -> Iterator[Styled]:
    """Code in lines of that width, broken after commas, brackets and blanks."""
    rest = list(tokens)
    width = max(width, NARROWEST)
    indent = min(indent, width // 2)
    while True:
        text = "".join(text for _, text in rest)
        if len(text) <= width:
            break
        start = len(text) - len(text.lstrip())
        comment = text.lstrip().startswith("#")
        signs = (" ",) if comment else (" ", "(", ",", "[")
        begin = start + (len("#     ") if comment else 0)  # a mark alone is no progress
        cut = max(text.rfind(sign, begin, width) for sign in signs)
        cut = cut + 1 if cut > begin else width
        first, rest = split(rest, cut)
        yield first
        rest = [("", " " * indent), *stripped(rest)]
        if comment:  # what is left of one is one, too
            start = min(start, width // 2)
            rest = [("", " " * start), ("comment", "#     "), *rest[1:]]
    yield rest


def split(tokens: Sequence[tuple[str, str]], at: int) -> tuple[Styled, Styled]:
    """Words before and after a position."""
    first: Styled = []
    second: Styled = []
    for kind, text in tokens:
        if text[:at]:
            first.append((kind, text[:at]))
        if text[at:]:
            second.append((kind, text[at:]))
        at = max(at - len(text), 0)
    return first, second


def stripped(tokens: Styled) -> Styled:
    """Words without blanks at their beginning."""
    while tokens and not tokens[0][1].strip():
        tokens = tokens[1:]
    if tokens:
        kind, text = tokens[0]
        tokens = [(kind, text.lstrip()), *tokens[1:]]
    return tokens


# --- notes ---------------------------------------------------------------------------


def below(side: SideBySide, width: int) -> Iterator[Styled]:
    """The notes, and the defaults that differ."""
    width = min(width, MOST_TEXT)
    if side.notes:
        yield []
        yield [("heading", "What the frameworks do differently here")]
    for note in side.notes:
        yield []
        yield from one_note(side, note, width)
    if side.defaults:
        yield []
        yield [("heading", "Defaults that differ here")]
        for text in side.defaults:
            yield from paragraph("- ", text, width, "")


def one_note(side: SideBySide, note: Note, width: int) -> Iterator[Styled]:
    """A note: what differs, what each does, what becomes of it, and where."""
    mark = f"[{note.number}]"
    title = f"{note.difference.title} ({note.difference.id})"
    head = list(paragraph(f"{mark} ", title, width, "title"))
    head[0] = [("mark", mark), ("", " "), *head[0][1:]]
    yield from head
    margin = max(len("polyframe"), *map(len, side.titles.values())) + 2
    for name, text in note.texts.items():
        yield from entry(side.titles[name], text, margin, width)
    yield from entry(*outcome(note), margin, width)
    if note.paths:
        yield from entry("where", listed(note.paths), margin, width)


def entry(label: str, text: str, margin: int, width: int) -> Iterator[Styled]:
    """A label and a text."""
    yield from paragraph(f"    {label}".ljust(margin + 4), text, width, "")


def paragraph(first: str, text: str, width: int, style: str) -> Iterator[Styled]:
    """A text of several lines, behind a first word."""
    lines = textwrap.wrap(
        text, max(width - len(first), NARROWEST), break_on_hyphens=False
    ) or [""]
    yield [("soft", first), (style, lines[0])]
    for line in lines[1:]:
        yield [("", " " * len(first)), (style, line)]


# --- changes -------------------------------------------------------------------------


def change_listing(changes: Changes, width: int) -> Iterator[Styled]:
    """What optimizing changes in a program: the lines, and what changed them."""
    yield [
        ("heading", f"{changes.name} for {changes.title}: idiomatic (-), optimized (+)")
    ]
    if not changes.groups:
        equal = "The programs are equal: no rewrite applies."
        yield from paragraph("", equal, width, "")
    for group in changes.groups:
        yield []
        for line in group:
            yield from changed(line, width)
    for cause in changes.causes:
        yield []
        mark = f"[{cause.number}]"
        head = list(
            paragraph(f"{mark} ", cause.reason.title, min(width, MOST_TEXT), "title")
        )
        head[0] = [("mark", mark), ("", " "), *head[0][1:]]
        yield from head
        margin = len("exact: ")
        if cause.did:
            yield from entry(
                "here", listed(cause.did, 5), margin, min(width, MOST_TEXT)
            )
        yield from entry("why", cause.reason.why, margin, min(width, MOST_TEXT))


def changed(line: Changed, width: int) -> Iterator[Styled]:
    """A line of a diff, with its sign."""
    style = SIGNS[line.sign]
    for i, row in enumerate(wrap(Line(None, line.tokens, line.marks), width - 2)):
        sign = line.sign if i == 0 or line.sign != " " else " "
        words = [
            (style or kind if kind != "mark" else kind, text) for kind, text in row
        ]
        yield [(style, f"{sign} "), *words]


SIGNS = {" ": "", "-": "removed", "+": "added"}
