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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from polyframe.compiler.python.snippets import global_names
from polyframe.compiler.python.source import Call, Name, call, head, literal, statement
from polyframe.errors import UnsupportedError
from polyframe.spec.element import Element

OWN = "polyframe."
"""How the modules begin whose names are copied; those of all others are imported."""
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
                for alias in node.names:
                    line = f"from {node.module} import {ast.unparse(alias)}"
                    bound = alias.asname or alias.name
                    imports[bound] = (str(node.module), alias.name, line)
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
        if not module.startswith(OWN) or inner is None:
            return line
        return Source.of(module).find(inner) or line

    def segment(self, first: int, last: int) -> list[str]:
        """Lines, counted from 1, both included."""
        return list(self.lines[first - 1 : last])


def targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    """The names that an assignment binds."""
    given = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in given if isinstance(target, ast.Name)]


def documentation(node: ast.stmt | None) -> str:
    """The text of a statement that is nothing but a text."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return str(node.value.value)
    return ""


class Copier:
    """Copies definitions, each once, with what they name.

    ``taken`` are the names that the script has already: what is copied under one of them
    gets another name.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = frozenset(taken)
        self.origins: dict[str, tuple[str, str]] = {}  # name → module, name there
        self.imports: dict[str, None] = {}
        self.texts: list[str] = []
        self.members: dict[type, set[str]] = {}
        self.fields: dict[type, dict[str, None]] = {}

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
            known.update(dict.fromkeys(fields))
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
        values += [f"    {name}: object" for name in fields]
        if fields:
            self.imports["from dataclasses import dataclass"] = None
            yield "@dataclass"
        inside = f"({', '.join(base.__name__ for base in bases)})" if bases else ""
        yield f"class {node.name}{inside}:"
        first, *_ = (ast.get_docstring(node) or "").partition("\n\n")
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
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute):
            value = part.value
            above = isinstance(value, ast.Call) and (
                isinstance(value.func, ast.Name) and value.func.id == "super"
            )
            yield part.attr, above


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


# --- text ---------------------------------------------------------------------------


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
        and len(node.body) == 1
        and isinstance(node.body[0], ast.Raise)
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
