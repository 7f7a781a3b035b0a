"""From a typed graph and a backend's table to the text of its model classes."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from polyframe.compiler.program import Role, Slot
from polyframe.compiler.python.classes import ClassText, Lines, items_of, write_class
from polyframe.compiler.python.code import Code
from polyframe.compiler.python.sections import MappedLines, Section
from polyframe.compiler.python.snippets import Snippet
from polyframe.compiler.python.units import Style, Unit, build, weight_map
from polyframe.compiler.table import Form, Table, Target
from polyframe.spec.typed import TypedGraph, TypedNode, flatten


@dataclass(frozen=True)
class Written:
    """The model as text, and the facts about it that a ``Program`` states."""

    sections: tuple[Section, ...]
    entry: str
    weights: Mapping[str, Slot]
    draws: tuple[str, ...]
    snippets: tuple[Snippet, ...]
    imports: tuple[str, ...] = ()
    makes: frozenset[str] = frozenset()  # the functions that construct its nodes

    def takes(self, name: str) -> bool:
        """Whether it asks for the snippet of that name."""
        return any(snippet.name == name for snippet in self.snippets)


def write_model(
    graph: TypedGraph,
    forms: Mapping[str, Form],
    target: Target,
    style: Style,
    table: Table,
) -> Written:
    """Write every class that the graph needs, the model's last."""
    groups, top = build(graph, forms, target, style)
    classes = {group.name: write_class(group, style) for group in groups}
    mapped: dict[str, list[MappedLines]] = defaultdict(list)
    for name, lines in mapped_lines(top, "", classes):
        mapped[name].append(lines)
    nodes = [
        (node, unit.codes[node.name])
        for unit in top.walk()
        for node in unit.graph.nodes
        if node.name in unit.codes
    ]
    snippets = list(snippets_of(nodes, table))
    if any(unit.container for unit in top.walk()):
        snippets += map(Snippet, style.container_snippets)
    slots = weight_map(top, style)
    order = [name for name in graph.parameters if name in slots]
    random = tuple(n.path for n in flatten(graph).nodes if n.layer.random)
    assert top.group is not None
    return Written(
        tuple(
            Section("\n".join(text.lines), tuple(mapped[name]))
            for name, text in classes.items()
        ),
        top.group.name,
        {name: slots[name] for name in order},
        random if top.draws else (),
        tuple(dict.fromkeys(snippets)),
        tuple(dict.fromkeys(line for _, code in nodes for line in code.imports)),
        frozenset(c.make.function for _, c in nodes if c.make is not None),
    )


def snippets_of(
    nodes: Iterable[tuple[TypedNode, Code]], table: Table
) -> Iterator[Snippet]:
    """The snippets that the code of nodes asks for."""
    for node, code in nodes:
        for name in code.snippets:
            yield Snippet(name, table[node.layer.type].snippets)


# --- the source map ----------------------------------------------------------------


def mapped_lines(
    unit: Unit, prefix: str, classes: Mapping[str, ClassText]
) -> Iterator[tuple[str, MappedLines]]:
    """(class, lines) of every node below a call of a unit, whose path ends in
    ``prefix``."""
    assert unit.group is not None
    name = unit.group.name
    text = classes[name]
    for node, called in zip(unit.graph.nodes, text.called, strict=True):
        made = text.made.get(node.owner_name)
        path = prefix + node.name
        for lines in _mapped(node, prefix, made, called):
            yield name, lines
        if node.body is None:
            continue
        inner = unit.children[node.owner_name]
        if not inner.container:
            yield from mapped_lines(inner, f"{path}.", classes)
            continue
        assert made is not None
        items = text.items(node.owner_name)
        for owner, lines in _in_container(
            inner, f"{path}.", items, made[0], called, classes
        ):
            yield owner or name, lines


def _in_container(
    unit: Unit,
    prefix: str,
    items: Sequence[ast.expr],
    start: int,
    called: Lines,
    classes: Mapping[str, ClassText],
) -> Iterator[tuple[str, MappedLines]]:
    """The same inside a container: its children are made in its own construction and
    run by its own call. The class is "" for the one that has the container."""
    for node, item in zip(unit.graph.nodes, items, strict=True):
        assert item.end_lineno is not None
        made = start + item.lineno - 1, start + item.end_lineno - 1
        for lines in _mapped(node, prefix, made, called):
            yield "", lines
        if node.body is None:
            continue
        path, inner = prefix + node.name, unit.children[node.owner_name]
        if inner.container:
            yield from _in_container(
                inner, f"{path}.", items_of(item), start, called, classes
            )
        else:
            yield from mapped_lines(inner, f"{path}.", classes)


def _mapped(
    node: TypedNode, prefix: str, made: Lines | None, called: Lines
) -> Iterator[MappedLines]:
    roles: dict[Role, Lines | None] = {"construction": made, "forward": called}
    for one in (node, *node.folded):
        for role, lines in roles.items():
            if lines is not None:
                yield MappedLines(prefix + one.name, role, *lines)
