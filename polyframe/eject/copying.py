"""The text of polyframe's own functions and classes, for scripts that do without it.

What is copied needs NumPy and the standard library alone. With a definition comes all that
it names, from whatever file that is in. Three things are left out: annotations, checks
that ``eject`` has made already (``if …: raise …``), and those methods and fields of a
class that nothing in the script uses.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
from collections.abc import Iterable, Iterator, Sequence

from polyframe.compiler.python.snippets import global_names
from polyframe.compiler.python.source import Call, call
from polyframe.eject.source_text import (
    FUNCTION,
    Source,
    constant,
    decorators,
    docstring,
    function,
    is_check,
    plain_class,
    targets,
    unannotated,
)
from polyframe.errors import UnsupportedError
from polyframe.spec.element import Element


class Copier:
    """Copies definitions, each once, with what they name."""

    def __init__(self) -> None:
        self.origins: dict[str, tuple[str, str]] = {}  # name → module, name there
        self.imports: dict[str, None] = {}
        self.texts: list[str] = []
        self.members: dict[type, set[str]] = {}
        self.fields: dict[type, dict[str, object]] = {}

    def functions(self, module: str, *names: str) -> None:
        """Copy functions, classes or constants of a module."""
        for name in names:
            found = Source.of(module).find(name)
            assert isinstance(found, tuple), name
            self.copy(*found)

    def elements(self, elements: Sequence[Element], used: Iterable[str]) -> list[Call]:
        """Copy the classes of elements with what ``used`` names of their methods and
        fields; the calls that make the elements again."""
        calls = []
        for element in elements:
            members, fields = parts_of(type(element), used)
            for owner, names in members.items():
                self.members.setdefault(owner, set()).update(names)
            known = self.fields.setdefault(type(element), {})
            known |= {name: getattr(element, name) for name in fields}
            values = {name: getattr(element, name) for name in known}
            calls.append(call(type(element).__name__, **values))
        for element in elements:
            self.copy_class(type(element))
        return calls

    def take(self) -> list[str]:
        """What was copied since the last time, each after what it names."""
        texts, self.texts = self.texts, []
        return texts

    # --- one definition --------------------------------------------------------------

    def copy(self, source: Source, name: str) -> None:
        """Copy a definition and what it names."""
        if not self.begin(source, name):
            return
        node = source.nodes[name]
        if isinstance(node, ast.ClassDef):
            kind = getattr(importlib.import_module(source.name), name)
            if issubclass(kind, Element):
                del self.origins[name]
                self.copy_class(kind)
                return
            lines = plain_class(source, node)
        elif isinstance(node, FUNCTION):
            lines = [*decorators(source, node), *function(source, node)]
        else:
            lines = constant(source, node, source.notes[name])
        self.add(source, "\n".join(lines))

    def begin(self, source: Source, name: str) -> bool:
        """Whether a definition is still to be copied; UnsupportedError where another one
        has its name."""
        origin = (source.name, name)
        known = self.origins.setdefault(name, origin)
        if known != origin:
            raise UnsupportedError(
                f"a script would have two definitions called {name}: that of {known[0]} "
                f"and that of {source.name}",
                hint="give the plug-in's another name",
            )
        return known is origin

    def add(self, source: Source, text: str) -> None:
        """Copy what a text names, then keep the text."""
        text = re.sub(r"  # type: ignore\[.*", "", text)
        for name in sorted(global_names(text)):
            found = source.find(name)
            if isinstance(found, str):
                self.imports[found] = None
            elif found is not None:
                self.copy(*found)
        self.texts.append(text)

    def copy_class(self, kind: type[Element]) -> None:
        """Copy the class of an element, after its bases, with the members it is known to
        need."""
        source = Source.of(kind.__module__)
        if not self.begin(source, kind.__name__):
            return
        bases = list(dict.fromkeys(self.kept_bases(kind)))
        for base in bases:
            self.copy_class(base)
        node = source.nodes[kind.__name__]
        assert isinstance(node, ast.ClassDef)
        self.add(source, "\n".join(self.element_class(source, node, kind, bases)))

    def kept_bases(self, kind: type) -> Iterator[type[Element]]:
        """The bases of a class, those without members replaced by their own."""
        for base in kind.__bases__:
            if base in self.members:
                yield base
            elif issubclass(base, Element):
                yield from self.kept_bases(base)

    def element_class(
        self, source: Source, node: ast.ClassDef, kind: type, bases: Sequence[type]
    ) -> Iterator[str]:
        """The lines of an element's class."""
        wanted = self.members.get(kind, set())
        fields = self.fields.get(kind, {})
        body: list[list[str]] = []
        values = []
        for part in node.body:
            if isinstance(part, FUNCTION) and part.name in wanted:
                body.append([*decorators(source, part), *function(source, part)])
            elif isinstance(part, (ast.Assign, ast.AnnAssign)) and part.value:
                if is_field(part):
                    continue
                if set(targets(part)) & wanted - fields.keys():
                    values += unannotated(source, part)
        values += [f"    {name}: {kind_of(value)}" for name, value in fields.items()]
        if fields:
            self.imports["from dataclasses import dataclass"] = None
            yield "@dataclass"
        inside = f"({', '.join(base.__name__ for base in bases)})" if bases else ""
        yield f"class {node.name}{inside}:"
        first, *_ = (ast.get_docstring(node) or node.name).partition("\n\n")
        yield from docstring(first)
        for lines in [values] * bool(values) + body:
            yield ""
            yield from lines


def parts_of(
    kind: type[Element], used: Iterable[str]
) -> tuple[dict[type, set[str]], list[str]]:
    """Which members of a class and its bases are needed where ``used`` of them are: class
    → names; and the names of its fields that are. Properties count as fields: a script
    has their values."""
    order = [c for c in kind.__mro__ if issubclass(c, Element) and c is not Element]
    fields = [f.name for f in dataclasses.fields(kind)]  # type: ignore[arg-type]
    members: dict[type, set[str]] = {c: set() for c in order}
    asked: set[str] = set()
    seen: set[tuple[str, int]] = set()
    waiting = [(name, 0) for name in used]
    while waiting:
        name, start = waiting.pop()
        if (name, start) in seen:
            continue
        seen.add((name, start))
        if name in fields or isinstance(
            inspect.getattr_static(kind, name, None), property
        ):
            asked.add(name)
            continue
        for at, owner in enumerate(order[start:], start):
            if name not in vars(owner):
                continue
            node = member(owner, name)
            if isinstance(node, FUNCTION) and is_abstract(node):
                continue
            members[owner].add(name)
            if node is not None:
                for inner, above in attributes(node):
                    waiting.append((inner, at + 1 if above else 0))
            break
    more = sorted(asked.difference(fields))
    found = {c: names for c, names in members.items() if names or c is kind}
    return found, [*(name for name in fields if name in asked), *more]


def member(owner: type, name: str) -> ast.stmt | None:
    """The statement in a class that defines a member."""
    node = Source.of(owner.__module__).nodes[owner.__name__]
    assert isinstance(node, ast.ClassDef)
    for part in node.body:
        if isinstance(part, FUNCTION) and part.name == name:
            return part
        if isinstance(part, (ast.Assign, ast.AnnAssign)) and name in targets(part):
            return part
    return None


def attributes(node: ast.AST) -> Iterator[tuple[str, bool]]:
    """The attributes that code names, and whether it asks ``super()`` for them."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.stmt) and is_check(part):
            continue
        waiting += ast.iter_child_nodes(part)
        if isinstance(part, ast.Attribute):
            value = part.value
            above = isinstance(value, ast.Call) and (
                isinstance(value.func, ast.Name) and value.func.id == "super"
            )
            yield part.attr, above


def kind_of(value: object) -> str:
    """The annotation of a field that has that value."""
    return "object" if value is None else type(value).__name__


def is_abstract(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a method only says that subclasses have it."""
    last = node.body[-1]
    return isinstance(last, ast.Raise) and "NotImplementedError" in ast.unparse(last)


def is_field(node: ast.Assign | ast.AnnAssign) -> bool:
    """Whether an assignment declares a field of an element."""
    value = node.value
    return (
        isinstance(node, ast.AnnAssign)
        and isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id == "field"
    )
