"""The text of polyframe's functions, as a page of the catalogue prints them.

The text is that of the source file, comments included, without what a reader who runs
it in NumPy has no use for: annotations, asserts, and checks whose error polyframe would
raise (the page of an element says what its fields take).
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

Function = ast.FunctionDef
Checks = Callable[[ast.Call], bool]
"""Whether a call does nothing but check its arguments."""


class Node(Protocol):
    """A node of a syntax tree that has a place in the text."""

    lineno: int
    col_offset: int
    end_lineno: int | None
    end_col_offset: int | None


class Import(NamedTuple):
    """A name that a module imports from outside polyframe, and the line that does."""

    line: str


@dataclass(frozen=True)
class Definition:
    """A name of a module of polyframe: where it is defined, and the statement."""

    module: str
    name: str
    node: ast.stmt

    @property
    def value(self) -> Any:
        """The object itself."""
        return getattr(importlib.import_module(self.module), self.name)


class Module:
    """A module of polyframe as text: what its names stand for."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.source = inspect.getsource(importlib.import_module(name))
        self.tree = ast.parse(self.source)
        self.names: dict[str, ast.stmt] = {}
        self.imports: dict[str, tuple[str, str | None]] = {}
        for node in ast.walk(self.tree):  # imports also of TYPE_CHECKING
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for alias in node.names:
                    origin = getattr(node, "module", None)
                    where = (origin, alias.name) if origin else (alias.name, None)
                    self.imports[alias.asname or alias.name] = where
        for node in self.tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                self.names[node.name] = node
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.names[node.targets[0].id] = node

    def resolve(self, name: str) -> Definition | Import | None:
        """What a name stands for in this module; None for none of its names."""
        if name in self.names:
            return Definition(self.name, name, self.names[name])
        if name not in self.imports:
            return None
        origin, member = self.imports[name]
        if member is not None and origin.startswith("polyframe."):
            return module(origin).resolve(member)
        if member is not None:
            return Import(f"from {origin} import {member}")
        return Import(f"import {origin}" + (f" as {name}" if name != origin else ""))

    def class_node(self, name: str) -> ast.ClassDef:
        """The statement of a class."""
        node = self.names[name]
        assert isinstance(node, ast.ClassDef)
        return node

    def constant(self, node: ast.stmt) -> str:
        """The text of an assignment, with the string after it that explains it."""
        text = Edits(self.source)
        after = self.tree.body[self.tree.body.index(node) + 1 :]
        if after and is_text(after[0]):
            return f"{text.text(node)}\n{text.text(after[0])}"
        return text.text(node)


@functools.cache
def module(name: str) -> Module:
    """The module of that name."""
    return Module(name)


class Edits:
    """Replacements in a text, by the positions of its syntax tree."""

    def __init__(self, source: str) -> None:
        self.source = source.encode()
        self.lines = self.source.splitlines(keepends=True)
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))
        self.made: list[tuple[int, int, bytes]] = []

    def start(self, node: Node) -> int:
        """Where a node begins, in bytes."""
        return self.starts[node.lineno - 1] + node.col_offset

    def end(self, node: Node) -> int:
        """Where a node ends, in bytes."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self.starts[node.end_lineno - 1] + node.end_col_offset

    def replace(self, start: int, end: int, text: str = "") -> None:
        """Put a text in the place of these bytes."""
        self.made.append((start, end, text.encode()))

    def remove_lines(self, node: ast.stmt) -> None:
        """Take a statement out, with the comments on top of it and beside it."""
        first = node.lineno - 1
        while self.lines[first - 1].strip().startswith(b"#"):
            first -= 1
        assert node.end_lineno is not None
        self.replace(self.starts[first], self.starts[node.end_lineno])

    def text(self, node: ast.stmt) -> str:
        """The statement with the replacements made in it, at column 0."""
        assert node.end_lineno is not None
        low, high = self.starts[first_line(node) - 1], self.end(node)
        edited, at = b"", low
        for start, end, new in sorted(self.made):
            if start >= at and end <= self.starts[node.end_lineno]:
                edited += self.source[at:start] + new
                at = end
        edited += self.source[at:high]
        text = re.sub(r" *# (type: ignore\[[^]]*\]|fmt: skip)", "", edited.decode())
        return inspect.cleandoc("\n" + text)


def first_line(node: ast.stmt) -> int:
    """The line where a statement begins, with its decorators."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


def raises_error(node: ast.stmt, here: Module) -> bool:
    """Whether a statement raises an error of polyframe's."""
    if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)):
        return False
    called = node.exc.func
    known = here.resolve(called.id) if isinstance(called, ast.Name) else None
    return isinstance(known, Definition) and known.module == "polyframe.errors"


def checks_only(body: list[ast.stmt], here: Module, checks: Checks) -> bool:
    """Whether these statements do nothing but raise errors of polyframe's, maybe."""
    work = [
        s
        for s in body
        if not isinstance(s, (ast.Assign, ast.AnnAssign)) and not is_text(s)
    ]
    return bool(work) and all(is_check(s, here, checks) for s in work)


def is_check(node: ast.stmt, here: Module, checks: Checks) -> bool:
    """Whether a statement only checks something."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return checks(node.value)
    if isinstance(node, (ast.If, ast.For)) and not node.orelse:
        return raises_error(node.body[-1], here) or checks_only(node.body, here, checks)
    return isinstance(node, ast.Assert)


def blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """Each list of statements below a node."""
    for inner in ast.walk(node):
        for name in ("body", "orelse", "finalbody"):
            body = getattr(inner, name, None)
            if isinstance(body, list):
                yield body


def is_text(node: ast.stmt) -> bool:
    """Whether a statement is a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def loads(node: ast.AST) -> list[str]:
    """The names that are read below a node, as often as they are."""
    names = (n for n in ast.walk(node) if isinstance(n, ast.Name))
    return [n.id for n in names if isinstance(n.ctx, ast.Load)]


def without_checks(node: Function, here: Module, edits: Edits, checks: Checks) -> None:
    """Edit a function: no checks, and no assignments that only they have read."""
    removed: set[ast.stmt] = set()
    for body in blocks(node):
        for statement in body:
            if is_check(statement, here, checks):
                removed.add(statement)
            elif raises_error(statement, here):
                edits.replace(
                    edits.start(statement), edits.end(statement), "raise ValueError"
                )
                statement.exc = None  # type: ignore[attr-defined]
    while True:
        for body in blocks(node):
            body[:] = [s for s in body if s not in removed]
        used = loads(node)
        unread = {
            s
            for body in blocks(node)
            for s in body
            if isinstance(s, (ast.Assign, ast.AnnAssign))
            for targets in [s.targets if isinstance(s, ast.Assign) else [s.target]]
            if (names := [n for t in targets for n in ast.walk(t)])
            and not any(isinstance(n, (ast.Attribute, ast.Subscript)) for n in names)
            and not any(isinstance(n, ast.Name) and n.id in used for n in names)
        }
        if not unread:
            break
        removed |= unread
    for statement in removed:
        edits.remove_lines(statement)


def without_annotations(node: ast.AST, edits: Edits) -> None:
    """Edit away the annotations of functions and of assignments in them; a value that
    had a name for its annotation's sake is returned at once."""
    used = loads(node)
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef):
            if inner.returns:
                low, high = edits.start(inner), edits.start(inner.returns)
                arrow = edits.source.rindex(b"->", low, high)
                bracket = len(edits.source[:arrow].rstrip())
                edits.replace(bracket, edits.end(inner.returns))
            without_last_comma(inner, edits)
        elif isinstance(inner, ast.arg) and inner.annotation:
            name_end = edits.start(inner) + len(inner.arg.encode())
            end = edits.end(inner.annotation)
            equals = re.match(rb"\s*=\s*", edits.source[end:])
            if equals:
                edits.replace(name_end, end + equals.end(), "=")
            else:
                edits.replace(name_end, end)
    for body in blocks(node):
        for at, statement in enumerate(body):
            if not isinstance(statement, ast.AnnAssign):
                continue
            following = body[at + 1] if at + 1 < len(body) else None
            name = getattr(statement.target, "id", "")
            if statement.value is None:
                edits.remove_lines(statement)
            elif (
                isinstance(following, ast.Return)
                and getattr(following.value, "id", None) == name
                and used.count(name) == 1
            ):
                edits.replace(
                    edits.start(statement), value_start(statement, edits), "return "
                )
                edits.remove_lines(following)
            else:
                start, end = (
                    edits.end(statement.target),
                    edits.end(statement.annotation),
                )
                edits.replace(start, end)


def without_last_comma(node: Function, edits: Edits) -> None:
    """Edit away the comma that holds a function's arguments on lines of their own."""
    inside = (n for n in ast.walk(node.args) if isinstance(n, (ast.arg, ast.expr)))
    ends = [edits.end(n) for n in inside]
    if ends:
        after = edits.source[max(ends) :]
        comma, bracket = after.find(b","), after.find(b")")
        if 0 <= comma < bracket:
            edits.replace(max(ends) + comma, max(ends) + comma + 1)


def value_start(statement: ast.AnnAssign, edits: Edits) -> int:
    """Where the value of an assignment begins, with the brackets around it."""
    after = edits.source.index(b"=", edits.end(statement.annotation)) + 1
    return after + len(edits.source[after:]) - len(edits.source[after:].lstrip())
