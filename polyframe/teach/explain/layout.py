"""The layout of Python text that was put together: blank lines, and signatures that are
one line again once their annotations are gone; as ``ruff format`` writes them."""

from __future__ import annotations

import ast
import re

from polyframe.teach.explain.numpy_text import first_line

WIDTH = 88


def laid_out(text: str) -> str:
    """The text of a module in that layout."""
    return spaced(joined_signatures(text))


def joined_signatures(text: str) -> str:
    """Signatures over several lines that fit into one."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef):
            continue
        first, last = node.lineno - 1, signature_end(lines, node)
        whole = " ".join(line.strip() for line in lines[first : last + 1])
        whole = re.sub(r"\( ", "(", re.sub(r",? \):$", "):", whole))
        if first < last and len(whole) + node.col_offset <= WIDTH:
            lines[first] = " " * node.col_offset + whole
            lines[first + 1 : last + 1] = [MARK] * (last - first)
    return "\n".join(line for line in lines if line != MARK) + "\n"


MARK = "\0"
"""A line that is taken out once no position counts any more."""


def signature_end(lines: list[str], node: ast.FunctionDef) -> int:
    """The index of the line on which a signature ends."""
    at = node.lineno - 1
    while not lines[at].rstrip().endswith(":"):
        at += 1
    return at


def spaced(text: str) -> str:
    """Two blank lines around functions and classes, one around methods, at most one (on
    the top level two) elsewhere."""
    tree, lines = ast.parse(text), text.splitlines()
    before: dict[int, int] = {}  # index of a line → the number of blank lines above it
    space(tree.body, lines, 2, before)
    spaced_lines: list[str] = []
    for at, line in enumerate(lines):
        if at in before:
            while spaced_lines and not spaced_lines[-1].strip():
                spaced_lines.pop()
            spaced_lines += [""] * (before[at] if spaced_lines else 0)
        spaced_lines.append(line)
    return "\n".join(spaced_lines).strip("\n") + "\n"


def space(
    body: list[ast.stmt], lines: list[str], count: int, before: dict[int, int]
) -> None:
    """Find how many blank lines stand above the statements of a block."""
    for at, node in enumerate(body):
        is_block = isinstance(node, (ast.FunctionDef, ast.ClassDef))
        previous = body[at - 1] if at else None
        after_block = isinstance(previous, (ast.FunctionDef, ast.ClassDef))
        if at and (is_block or after_block):
            before[top(node, lines)] = count
        elif at == 0:
            before[top(node, lines)] = 0
        if isinstance(node, ast.ClassDef):
            space(node.body, lines, 1, before)


def top(node: ast.stmt, lines: list[str]) -> int:
    """The index of a statement's first line, decorators and comments on it counted."""
    at = first_line(node) - 1
    while at and lines[at - 1].strip().startswith("#"):
        at -= 1
    return at
