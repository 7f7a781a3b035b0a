"""Views of a program for readers: its helpers folded, its lines annotated."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterable, Sequence

from polyframe.compiler.program import WHOLE, Helpers, Program

WIDTH = 88


def view(program: Program, *, annotate: bool = False, full: bool = False) -> Program:
    """The program as people read it, which need not run any more.

    Its helpers are folded into a comment, unless ``full``. With ``annotate``, a comment
    on each node's lines has its canonical path, and the folded helpers are listed with
    the reason why each is there.
    """
    files: dict[str, str | bytes] = dict(program.files)
    for file, text in program.texts.items():
        lines = text.splitlines()
        if annotate:
            lines = annotated(program, file, lines)
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


def annotated(program: Program, file: str, lines: Sequence[str]) -> list[str]:
    """Lines of a file, with the canonical paths of the nodes whose lines begin there."""
    paths: dict[int, dict[str, None]] = defaultdict(dict)
    for path, roles in program.source_map.items():
        for role, span in roles.items():
            if path != WHOLE and role != "loss" and span.file == file:
                paths[span.first][path] = None
    return [
        f"{line}{' ' if '  # ' in line or line.lstrip()[:1] == '#' else '  # '}{name}"
        if (name := called(paths.get(number, ())))
        else line
        for number, line in enumerate(lines, 1)
    ]


def called(paths: Iterable[str]) -> str:
    """The nodes of a line: the outermost, the first where blocks share a class."""
    depths = {path: path.count(".") for path in paths}
    outer = [path for path, depth in depths.items() if depth == min(depths.values())]
    if len(outer) < 3:
        return ", ".join(outer)
    return f"{outer[0]} and {len(outer) - 1} others"
