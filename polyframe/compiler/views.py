"""Views of a program for readers: its helpers folded, its lines annotated."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from polyframe.compiler.program import WHOLE, Helpers, Program

WIDTH = 88


class Remark(NamedTuple):
    """What readers are told about a line: texts in comments above it, and a mark at its
    end, such as ``[1] [2]``."""

    above: tuple[str, ...]
    mark: str


Remarks = Mapping[tuple[str, int], Remark]
"""File and number of a line → what is said about it."""


def view(
    program: Program,
    *,
    annotate: bool = False,
    full: bool = False,
    remarks: Remarks | None = None,
) -> Program:
    """The program as people read it, which need not run any more.

    Its helpers are folded into a comment, unless ``full``. With ``annotate``, a comment
    on each node's lines has its canonical path, the folded helpers are listed with the
    reason why each is there, and ``remarks`` stand as comments at their lines.
    """
    files: dict[str, str | bytes] = dict(program.files)
    for file, text in program.texts.items():
        lines = text.splitlines()
        if annotate:
            lines = annotated(program, file, lines, remarks)
        helpers = program.helpers
        if helpers is not None and helpers.span.file == file and not full:
            first, last = helpers.span.first - 1, helpers.span.last
            head = lines[first : first + 1] if annotate else []
            lines[first:last] = [*head, *folded(helpers, annotate)]
        files[file] = "\n".join(lines) + "\n" * text.endswith("\n")
    return Program(files, program.entry, {}, language=program.language)


def folded(helpers: Helpers, annotate: bool) -> list[str]:
    """What stands for the section of helpers."""
    count = helpers.span.last - helpers.span.first + 1
    names = ", ".join(helpers.reasons)
    if not annotate:
        line = f"# Helpers, {count} lines that --full shows: {names}"
        return [textwrap.shorten(line, WIDTH, placeholder=" …")]
    lines = [f"# {count} lines, which --full shows:"]
    for name, reason in helpers.reasons.items():
        text = f"{name}: {reason}" if reason else name
        lines += textwrap.wrap(
            text, WIDTH, initial_indent="# - ", subsequent_indent="#   "
        )
    return lines


def annotated(
    program: Program,
    file: str,
    lines: Sequence[str],
    remarks: Remarks | None = None,
    width: int = WIDTH,
) -> list[str]:
    """Lines of a file, with the canonical paths of the nodes whose lines begin there, and
    with the remarks on them. One with a remark above is several lines in one text;
    ``width`` is that of comments."""
    paths: dict[int, dict[str, None]] = defaultdict(dict)
    for path, roles in program.source_map.items():
        for role, span in roles.items():
            if path != WHOLE and role != "loss" and span.file == file:
                paths[span.first][path] = None
    noted = remarks or {}
    result = []
    for number, line in enumerate(lines, 1):
        above, mark = noted.get((file, number), ((), ""))
        words = " ".join(filter(None, (called(paths.get(number, ())), mark)))
        if words:
            comment = "  # " in line or line.lstrip()[:1] == "#"
            line = f"{line}{' ' if comment else '  # '}{words}"
        indent = line[: len(line) - len(line.lstrip())]
        result.append("\n".join([*commented(above, indent, width), line]))
    return result


def commented(texts: Iterable[str], indent: str, width: int) -> list[str]:
    """Texts as lines of comments."""
    return [
        line
        for text in texts
        for line in textwrap.wrap(
            text,
            width,
            initial_indent=f"{indent}# ",
            subsequent_indent=f"{indent}#     ",
            break_on_hyphens=False,
        )
    ]


def called(paths: Iterable[str]) -> str:
    """The nodes of a line: the outermost, the first where blocks share a class."""
    depths = {path: path.count(".") for path in paths}
    outer = [path for path, depth in depths.items() if depth == min(depths.values())]
    if len(outer) < 3:
        return ", ".join(outer)
    return f"{outer[0]} and {len(outer) - 1} others"
