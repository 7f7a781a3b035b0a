"""Helpers: the functions and classes that a program copies, in one section at its end.

They are what a framework needs to compute exactly what the spec says, and not what a
reader of the model looks for. What is looked up while the module is imported has to be
defined by then, so a helper that is needed for that stands before its first use.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from polyframe.compiler.python.sections import MappedLines, Section
from polyframe.compiler.python.snippets import global_names

HEAD = "# --- Helpers: what {} needs to compute exactly what the spec says ---"
"""The line above the section, of the framework's name."""

APART = "\n\n\n"


def with_helpers(
    sections: Sequence[Section], helpers: Mapping[str, Section]
) -> tuple[list[Section], dict[str, Section]]:
    """The sections, with those of the ``helpers`` between them that importing the module
    needs; and the helpers that are left. Each helper is after those that it names."""
    if not helpers:
        return list(sections), {}
    defined = {name: section.text for name, section in helpers.items()}
    for section in sections:
        defined |= dict.fromkeys(defines(section.text), section.text)
    placed: list[Section] = []
    left = dict(helpers)
    for section in sections:
        needed = reached(names_at_import(section.text), defined)
        placed += [left.pop(name) for name in helpers if name in needed & left.keys()]
        placed.append(section)
    return placed, left


def section_of(helpers: Mapping[str, Section], title: str) -> Section:
    """The one section of all helpers, for the framework of that name."""
    parts = [Section(HEAD.format(title)), *helpers.values()]
    starts = accumulate((len(lines_of(one)) + 2 for one in parts), initial=0)
    mapped = [
        MappedLines(path, role, start + first, start + last)
        for one, start in zip(parts, starts)
        for path, role, first, last in one.mapped
    ]
    return Section(APART.join(one.text for one in parts), tuple(mapped))


def lines_of(section: Section) -> list[str]:
    """The lines of a section."""
    return section.text.split("\n")


def reason(section: Section) -> str:
    """Why a helper is there: the first paragraph of its docstring; "" without one."""
    (node,) = ast.parse(section.text).body
    assert isinstance(node, (ast.ClassDef, ast.FunctionDef))
    paragraph = (ast.get_docstring(node) or "").partition("\n\n")[0]
    return " ".join(paragraph.split())


# --- what importing needs -------------------------------------------------------------


def defines(text: str) -> Iterator[str]:
    """The names of the functions and classes of a text."""
    for node in ast.parse(text).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            yield node.name


def reached(names: Iterable[str], defined: Mapping[str, str]) -> set[str]:
    """Names, and all that the definitions of these names name in turn: a class that is
    called at import runs its methods."""
    found: set[str] = set()
    open_names = list(names)
    while open_names:
        name = open_names.pop()
        if name not in found and name in defined:
            found.add(name)
            open_names += global_names(defined[name])
    return found


def names_at_import(text: str) -> set[str]:
    """The names that a text looks up while it is imported: those in statements, in the
    bodies of classes, and in the heads of functions, but not in their bodies."""
    names: set[str] = set()
    nodes: list[ast.AST] = [ast.parse(text)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            names.add(node.id)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            nodes += [*node.decorator_list, node.args]
        else:
            nodes += ast.iter_child_nodes(node)
    return names
