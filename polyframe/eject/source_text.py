"""Reading the text of modules, and rewriting definitions for scripts: without annotations
and without checks."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from polyframe.compiler.python.source import Name, head, literal, statement

OWN = "polyframe"
"""The package whose functions are copied, besides that of a plug-in; what is of others is
imported."""
SHOWN = {"Array": "np.ndarray", "Shape": "tuple"}
"""Annotation of a field → how a script writes it."""
PLAIN = re.compile(
    r"(int|float|str|bool|tuple|list|dict|None)( \| (int|float|str|None))*"
)
"""Annotations that a script can have as they are."""
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Source:
    """A module that is read: its lines, and what its names stand for."""

    name: str
    lines: Sequence[str]
    nodes: Mapping[str, ast.stmt]
    notes: Mapping[str, str]  # what is said below a constant
    imports: Mapping[
        str, tuple[str, str | None, str]
    ]  # name → module, name there, line

    @classmethod
    @cache
    def of(cls, name: str) -> Source:
        """The module of that name."""
        module = importlib.import_module(name)
        text = Path(inspect.getfile(module)).read_text(encoding="utf-8")
        body = ast.parse(text).body
        nodes: dict[str, ast.stmt] = {}
        notes: dict[str, str] = {}
        imports: dict[str, tuple[str, str | None, str]] = {}
        for node, after in zip(body, [*body[1:], None]):
            if isinstance(node, (*FUNCTION, ast.ClassDef)):
                nodes[node.name] = node
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                for target in targets(node):
                    nodes[target] = node
                    notes[target] = documentation(after)
            elif isinstance(node, ast.ImportFrom):
                dots = "." * node.level + (node.module or "")
                package = name if node.level else None
                there = importlib.util.resolve_name(dots, parent(package))
                for alias in node.names:
                    line = f"from {there} import {ast.unparse(alias)}"
                    bound = alias.asname or alias.name
                    imports[bound] = (there, alias.name, line)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    bound = alias.asname or alias.name.partition(".")[0]
                    imports[bound] = (alias.name, None, f"import {ast.unparse(alias)}")
        return cls(name, text.splitlines(), nodes, notes, imports)

    def find(self, name: str) -> tuple[Source, str] | str | None:
        """Where a global name is defined: a module and its name there, or the line that
        imports it; None for what Python has itself."""
        if name in self.nodes:
            return self, name
        if name not in self.imports:
            return None
        module, inner, line = self.imports[name]
        if root(module) not in (OWN, root(self.name)) or inner is None:
            return line
        found = Source.of(module).find(inner)
        if found is None:  # by ``from … import *``
            value = getattr(importlib.import_module(module), inner, None)
            home = getattr(value, "__module__", module)
            found = Source.of(home).find(inner) if home != module else None
        return found or line

    def segment(self, first: int, last: int) -> list[str]:
        """Lines, counted from 1, both included."""
        return list(self.lines[first - 1 : last])


def root(module: str) -> str:
    """The package that a module is in, the outermost."""
    return module.partition(".")[0]


def parent(module: str | None) -> str | None:
    """The package that a module is in, for relative imports."""
    return module and module.rpartition(".")[0]


def targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    """The names that an assignment binds."""
    given = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in given if isinstance(target, ast.Name)]


def documentation(node: ast.stmt | None) -> str:
    """The text of a statement that is nothing but a text."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return str(node.value.value)
    return ""


def docstring(text: str, indent: int = 4) -> list[str]:
    """A docstring as lines."""
    pad, lines = " " * indent, text.split("\n")
    if len(lines) == 1:
        return [f'{pad}"""{text}"""']
    more = [f"{pad}{line.strip()}" if line.strip() else "" for line in lines[1:]]
    last = more.pop()
    if len(last) <= 85:
        return [f'{pad}"""{lines[0]}', *more, f'{last}"""']
    return [f'{pad}"""{lines[0]}', *more, last, f'{pad}"""']


def decorators(
    source: Source, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
) -> list[str]:
    """The lines of a definition's decorators."""
    if not node.decorator_list:
        return []
    return source.segment(node.decorator_list[0].lineno, node.lineno - 1)


def function(source: Source, node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """A function without annotations and checks."""
    lines = head(f"def {node.name}", list(arguments(node.args)), ":", node.col_offset)
    at = node.body[0].lineno
    for first, last, new in sorted(edits(source, node.body)):
        lines += source.segment(at, first - 1)
        lines += new
        at = last + 1
    assert node.end_lineno is not None
    return [*lines, *source.segment(at, node.end_lineno)]


def arguments(given: ast.arguments) -> Iterator[str]:
    """The arguments of a function as they are written, without annotations."""
    plain = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(plain) - len(given.defaults)) + list(given.defaults)
    for at, (argument, default) in enumerate(zip(plain, defaults), 1):
        yield argument.arg if default is None else f"{argument.arg}={value(default)}"
        if at == len(given.posonlyargs):
            yield "/"
    if given.vararg:
        yield f"*{given.vararg.arg}"
    elif given.kwonlyargs:
        yield "*"
    for argument, default in zip(given.kwonlyargs, given.kw_defaults):
        yield argument.arg if default is None else f"{argument.arg}={value(default)}"
    if given.kwarg:
        yield f"**{given.kwarg.arg}"


def value(node: ast.expr) -> str:
    """A default as ``ruff format`` writes it."""
    if isinstance(node, ast.Constant):
        return literal(node.value)
    return ast.unparse(node)


def edits(
    source: Source, body: Sequence[ast.stmt]
) -> Iterator[tuple[int, int, list[str]]]:
    """What changes in a body: first and last line, and what stands there instead."""
    for node in body:
        assert node.end_lineno is not None
        if is_check(node) or (len(body) == 2 and ast.unparse(node) == "return None"):
            yield node.lineno, node.end_lineno, []
        elif isinstance(node, ast.AnnAssign):
            yield node.lineno, node.end_lineno, unannotated(source, node)
        elif isinstance(node, FUNCTION):
            yield node.lineno, node.end_lineno, function(source, node)
        else:
            for inner in ("body", "orelse", "finalbody"):
                yield from edits(source, getattr(node, inner, []))


def is_check(node: ast.stmt) -> bool:
    """Whether a statement does nothing but refuse what is wrong."""
    return (
        isinstance(node, ast.If)
        and not node.orelse
        and isinstance(node.body[-1], ast.Raise)
        and all(isinstance(each, ast.Assign) for each in node.body[:-1])
    )


def unannotated(source: Source, node: ast.Assign | ast.AnnAssign) -> list[str]:
    """An assignment without its annotation; nothing where it only declares."""
    assert node.end_lineno is not None
    lines = source.segment(node.lineno, node.end_lineno)
    if isinstance(node, ast.Assign):
        return lines
    if node.value is None:
        return []
    note = node.annotation
    first = lines[0][: node.target.end_col_offset]
    assert note.end_lineno is not None
    lines = lines[note.end_lineno - node.lineno :]
    # Offsets count bytes, and a line may have other letters than ASCII behind them.
    after = lines[0].encode()[note.end_col_offset :].decode()
    text = [first + after, *lines[1:]]
    joined = " ".join(line.strip() for line in text)
    prefix, _, what = joined.partition(" = ")
    if len(text) > 1 and len(prefix) + len(what) + node.col_offset + 3 <= 88:
        inside = re.fullmatch(r"\(\s*(.*?)\s*\)", what)
        if inside and "," not in what:
            return statement(f"{prefix} = ", Name(inside[1]), node.col_offset)
    return text


def constant(source: Source, node: ast.stmt, note: str) -> list[str]:
    """A constant, and above it what is said of it."""
    assert isinstance(node, (ast.Assign, ast.AnnAssign))
    said = [f"# {line.strip()}" for line in note.split("\n")] if note else []
    return [*said, *unannotated(source, node)]


def plain_class(source: Source, node: ast.ClassDef) -> list[str]:
    """A class that is no element, with all that it has."""
    assert node.end_lineno is not None
    lines = [*decorators(source, node), *source.segment(node.lineno, node.lineno)]
    at = node.lineno + 1
    for part in node.body:
        assert part.end_lineno is not None
        if isinstance(part, FUNCTION):
            start = (
                part.decorator_list[0].lineno if part.decorator_list else part.lineno
            )
            lines += source.segment(at, start - 1)
            lines += [*decorators(source, part), *function(source, part)]
        elif isinstance(part, ast.AnnAssign):
            lines += source.segment(at, part.lineno - 1)
            (line,) = source.segment(part.lineno, part.end_lineno)
            note = ast.unparse(part.annotation)
            shown = SHOWN.get(note, note if PLAIN.fullmatch(note) else "object")
            lines.append(line.replace(f": {note}", f": {shown}", 1))
        else:
            lines += source.segment(at, part.end_lineno)
        at = part.end_lineno + 1
    return lines
