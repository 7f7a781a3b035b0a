"""Filling the functions of a script: which of their lines are there, and what fills blanks.

In a template,

- a line that ends in ``#: words`` is there where all these facts hold; ``not`` before a
  word stands for the opposite,
- a name in capital letters on a line of its own is a blank, which statements fill,
- other names in capital letters stand for a text (``MODEL``: the model's class, which is
  put in last of all).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from polyframe.compiler.python.source import Call, Name, statement

MARK = re.compile(r"^(.*?)  #: (.+)$")
"""A line, and when it is there."""
Statement = tuple[str, Call | Name]
"""What stands before a value, as ``loss = ``, and the value."""


@cache
def functions(path: Path) -> dict[str, str]:
    """The functions and classes of a template."""
    return definitions(path.read_text(encoding="utf-8"))


def definitions(text: str) -> dict[str, str]:
    """The functions and classes of a text, as whole lines, with their decorators."""
    lines = text.splitlines()
    found: dict[str, str] = {}
    for node in ast.parse(text).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            found[node.name] = "\n".join(lines[first - 1 : node.end_lineno])
    return found


def filled(
    text: str,
    facts: Mapping[str, bool],
    blanks: Mapping[str, Sequence[Statement]],
    words: Mapping[str, str],
) -> str:
    """A template with the lines that are there, its blanks filled, and texts in place of
    words."""
    lines: list[str] = []
    for line in text.split("\n"):
        marked = MARK.match(line)
        if marked:
            if not holds(marked[2], facts):
                continue
            line = marked[1]
        if (name := line.strip()) not in blanks:
            lines.append(line)
            continue
        for prefix, value in blanks[name]:
            lines += statement(prefix, value, len(line) - len(name))
    pattern = rf"\b({'|'.join(words)})\b"
    return re.sub(pattern, lambda match: words[match[1]], "\n".join(lines))


def holds(condition: str, facts: Mapping[str, bool]) -> bool:
    """Whether all that a mark says is so."""
    wanted = True
    for word in condition.split():
        if word == "not":
            wanted = False
            continue
        if facts[word] is not wanted:
            return False
        wanted = True
    return True
