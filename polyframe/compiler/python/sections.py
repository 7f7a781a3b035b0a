"""A Python program as sections: its text put together, and its source map."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from polyframe.compiler.program import Role, Span
from polyframe.compiler.python.snippets import global_names


class MappedLines(NamedTuple):
    """The node (or the whole program) and the role of some lines of a section, which are
    counted from 0."""

    path: str
    role: Role
    first: int
    last: int


@dataclass(frozen=True)
class Section:
    """A part of a module: one or more definitions, and what their lines belong to.

    ``statements``: whether it begins with plain statements, as constants do, which stand
    closer to the imports than a class or a function.
    """

    text: str
    mapped: tuple[MappedLines, ...] = ()
    statements: bool = False

    @classmethod
    def of(
        cls, text: str, *parts: tuple[str, Role], statements: bool = False
    ) -> Section:
        """A section of which every line belongs to these (path, role)."""
        text = text.strip("\n")
        last = text.count("\n")
        mapped = tuple(MappedLines(*part, 0, last) for part in parts)
        return cls(text, mapped, statements)


class Module(NamedTuple):
    """A module's text, its source map, the lines of each section, and its imports."""

    text: str
    source_map: dict[str, dict[Role, Span]]
    spans: tuple[Span, ...]
    imports: tuple[str, ...] = ()

    @property
    def body(self) -> Span:
        """All lines after docstring and imports."""
        return self.spans[0]._replace(last=self.spans[-1].last)


def assemble(
    doc: str, imports: Iterable[str], sections: Iterable[Section], file: str = ""
) -> Module:
    """A module: docstring, the imports that are used, sections two lines apart."""
    body = list(sections)
    used = global_names("\n\n\n".join(section.text for section in body))
    lines = import_lines(imports, used)
    made = module(doc, lines, body, file)
    return made._replace(imports=tuple(line for line in lines if line))


def module(
    doc: str, lines: Iterable[str], sections: Iterable[Section], file: str = ""
) -> Module:
    """The same with these lines before the sections."""
    body = [section for section in sections if section.text.strip()]
    code = "\n\n\n".join(section.text for section in body)
    head = "\n".join(lines)
    apart = "\n\n" if body[0].statements else "\n\n\n"
    top = f'"""{doc}"""\n\n{head}{apart}'
    line = top.count("\n") + 1
    source_map: dict[str, dict[Role, Span]] = {}
    spans = []
    for section in body:
        for path, role, first, last in section.mapped:
            span = Span(file, line + first, line + last)
            source_map.setdefault(path, {})[role] = span
        last_line = line + section.text.count("\n")
        spans.append(Span(file, line, last_line))
        line = last_line + 3
    return Module(f"{top}{code}\n", source_map, tuple(spans))


# --- imports --------------------------------------------------------------------------


class Import(NamedTuple):
    """One name that an import line binds."""

    module: str
    name: str | None  # of ``from module import name``
    bound: str
    text: str  # ``name as bound``


@functools.cache
def parsed_import(line: str) -> tuple[Import, ...]:
    """What an import line says."""
    (node,) = ast.parse(line).body
    assert isinstance(node, (ast.Import, ast.ImportFrom)), line
    return tuple(_parsed(node))


def _parsed(node: ast.Import | ast.ImportFrom) -> Iterator[Import]:
    for alias in node.names:
        text = ast.unparse(alias)
        bound = alias.asname or alias.name
        if isinstance(node, ast.ImportFrom):
            yield Import(str(node.module), alias.name, bound, text)
        else:
            bound = alias.asname or alias.name.partition(".")[0]
            yield Import(alias.name, None, bound, text)


def bound_by(imports: Iterable[str]) -> frozenset[str]:
    """The names that import lines bind."""
    return frozenset(one.bound for line in imports for one in parsed_import(line))


def import_lines(imports: Iterable[str], used: frozenset[str]) -> list[str]:
    """The lines for the names that are used, as isort has them: the standard library's
    first, ``import`` before ``from``, by module."""
    plain: dict[str, str] = {}
    of_module: dict[str, dict[str, None]] = {}
    for line in imports:
        for one in parsed_import(line):
            if one.bound not in used:
                continue
            if one.name is None:
                plain.setdefault(f"import {one.text}", one.module)
            else:
                of_module.setdefault(one.module, {})[one.text] = None
    lines = [(module, line) for line, module in sorted(plain.items(), key=_second)]
    lines += [
        (module, f"from {module} import {', '.join(names)}")
        for module, names in sorted(of_module.items())
    ]
    standard = [line for module, line in lines if _is_standard(module)]
    others = [line for module, line in lines if not _is_standard(module)]
    return [*standard, *([""] if standard and others else []), *others]


def _second(pair: tuple[str, str]) -> str:
    return pair[1]


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names
