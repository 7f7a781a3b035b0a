"""From a typed graph and a backend's table to the text of its model classes."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from polyframe.compiler.program import Slot
from polyframe.compiler.python.classes import write_class
from polyframe.compiler.python.units import Style, build, weight_map
from polyframe.compiler.table import Form, Table, Target
from polyframe.spec.typed import TypedGraph, flatten


@dataclass(frozen=True)
class Written:
    """The model's classes as text, and what a program has to know about them."""

    classes: tuple[str, ...]
    entry: str
    weights: Mapping[str, Slot]
    draws: tuple[str, ...]
    snippets: tuple[str, ...]


def write_model(
    graph: TypedGraph, forms: Mapping[str, Form], target: Target, style: Style
) -> Written:
    """Write every class that the graph needs, the model's last."""
    groups, top = build(graph, forms, target, style)
    texts = ["\n".join(write_class(group, style)) for group in groups]
    assert top.group is not None
    snippets = dict.fromkeys(
        name
        for unit in top.walk()
        for code in unit.codes.values()
        for name in code.snippets
    )
    slots = weight_map(top, style)
    order = [name for name in graph.parameters if name in slots]
    random = tuple(n.path for n in flatten(graph).nodes if n.layer.random)
    return Written(
        tuple(texts),
        top.group.name,
        {name: slots[name] for name in order},
        random if top.draws else (),
        tuple(snippets),
    )


@functools.cache
def _definitions(path: Path) -> dict[str, str]:
    text = path.read_text(encoding="utf-8")
    return {
        node.name: ast.get_source_segment(text, node) or ""
        for node in ast.parse(text).body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef))
    }


def library(folder: Path) -> tuple[Path, ...]:
    """The files of snippets in a folder, without what only ejected scripts take."""
    names = sorted(path for path in folder.glob("*.py") if path.stem != "eject")
    return tuple(path for path in names if path.stem != "__init__")


def defined_in(paths: Iterable[Path]) -> frozenset[str]:
    """The names of all classes and functions in some files."""
    return frozenset(name for path in paths for name in _definitions(path))


def snippet(path: Path, name: str) -> str:
    """The text of a class or function in a file, which is read and not run."""
    return _definitions(path)[name]


def files_of(table: Table, graph: TypedGraph) -> tuple[Path, ...]:
    """The plug-ins' files of snippets that a graph's entries name."""
    named = (table[node.layer.type].snippets for node in graph.walk())
    return tuple(dict.fromkeys(path for path in named if path is not None))


def snippet_of(paths: Iterable[Path], name: str) -> str:
    """The text of a class or function, from whichever of the files has it."""
    return next(snippet(path, name) for path in paths if name in _definitions(path))


def assemble(
    doc: str, imports: Sequence[tuple[str, str]], sections: Iterable[str]
) -> str:
    """A module: docstring, the imports that are used, sections two lines apart.

    ``imports`` pairs an import line with a pattern that shows its use; an empty line
    separates groups.
    """
    body = [section.strip("\n") for section in sections if section.strip()]
    code = "\n\n\n".join(body)
    lines: list[str] = []
    for line, use in imports:
        if line == "":
            lines += [""] if lines and lines[-1] else []
        elif re.search(use, code):
            lines.append(line)
    head = "\n".join(lines).strip("\n")
    gap = "\n\n\n" if re.match(r"class |def |@", code) else "\n\n"
    return f'"""{doc}"""\n\n{head}{gap}{code}\n'
