"""Writing units as classes: constructors, forward passes, shape comments."""

from __future__ import annotations

import ast
import heapq
import itertools
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from polyframe.compiler.python.code import RANDOM, Code
from polyframe.compiler.python.source import (
    KEYWORDS,
    WIDTH,
    Name,
    fresh,
    head,
    layout,
    size,
    statement,
)
from polyframe.compiler.python.units import Group, Style, Unit, named
from polyframe.spec.layers.base import Shape
from polyframe.spec.typed import TypedGraph

AXES = {1: ("C",), 2: ("C", "L"), 3: ("C", "H", "W"), 4: ("C", "D", "H", "W")}
"""What sizes that differ between the units of a class are called in comments."""
SCRATCH = ("x", "y", "z", "u", "v", "w")
"""Names of variables for intermediate values; after these come h1, h2, …"""

Lines = tuple[int, int]
"""The first and the last line of something, counted from 0."""


@dataclass
class Body:
    """The lines that compute a graph's outputs, and which of them are each node's."""

    lines: list[str] = field(default_factory=list)
    nodes: list[Lines] = field(default_factory=list)  # in the graph's order
    variables: dict[str, str] = field(default_factory=dict)  # of all values


@dataclass
class ClassText:
    """The lines of one class, and where its nodes are made and called."""

    lines: list[str]
    made: dict[str, Lines]  # by name of the node
    called: list[Lines]  # in the graph's order

    def items(self, name: str) -> list[ast.expr]:
        """What is made inside the container of that name, with line numbers that count
        from its own first line."""
        first, last = self.made[name]
        text = textwrap.dedent("\n".join(self.lines[first : last + 1]))
        (made,) = ast.parse(text).body
        assert isinstance(made, (ast.Assign, ast.Expr))
        value = made.value  # an argument of a constructor has a comma behind it
        return items_of(value.elts[0] if isinstance(value, ast.Tuple) else value)


def items_of(made: ast.expr) -> list[ast.expr]:
    """The arguments of a container's call, or those in the one list that it takes."""
    assert isinstance(made, ast.Call)
    if len(made.args) == 1 and isinstance(made.args[0], ast.List):
        return made.args[0].elts
    return made.args


def write_class(group: Group, style: Style) -> ClassText:
    """One class; fills in the native names of its units' nodes."""
    unit = group.units[0]
    references = _attributes(group, style)
    base, top = group.base(style), not unit.path
    options = [style.options] if style.options and top else []
    lines = [style.decorator] if style.decorator and top else []
    lines += head(f"class {group.name}", [base], ":", 0)
    lines += head("def __init__", ["self", *group.parameters, *options], ":", 4)
    makes = {name: make for name, make in named(group).items() if make is not None}
    made = {}
    chained = base == style.numbered
    if chained:
        lines.append("        super().__init__(")
        makes = {name: makes[name] for name in sorted(makes, key=int)}
    else:
        lines.append(f"        super().__init__({', '.join(options)})")
    for name, make in makes.items():
        start = len(lines)
        if chained:
            lines += layout("", make, ",", 12)
        else:
            lines += statement(f"{references[name]} = ", make, 8)
        made[name] = (start, len(lines) - 1)
    if chained:
        lines.append("        )")
    if style.made and not unit.path:
        lines.append(f"        {style.made}")
    lines.append("")
    forward = _forward(group, unit, references, style)
    start = len(lines)
    called = [(first + start, last + start) for first, last in forward.nodes]
    return ClassText([*lines, *forward.lines], made, called)


def _attributes(group: Group, style: Style) -> dict[str, str]:
    """Node → how it is reached from ``self``; paths go into ``unit.native_names``.

    A name that the class has an attribute of gets an underscore, as `class_` does in
    Python: PyTorch, too, would call the attribute and not the layer.
    """
    references: dict[str, str] = {}
    closed, base = style.reserved | KEYWORDS, group.base(style)
    if base == style.keyed:
        closed |= style.keyed_reserved
    used: set[str] = set()
    for node in group.made:
        native = name = node.replace(".", "_")
        if not name.isdigit() or base not in (style.numbered, style.keyed):
            native = f"layer{name}" if name.isdigit() else name
            while native in closed or native in used:
                native += "_"
            references[node] = f"self.{native}"
        elif base == style.numbered:
            references[node] = f"self[{name}]"
        else:
            references[node] = f'self["{name}"]'
        used.add(native)
        for unit in group.units:
            unit.native_names[node] = native
    return references


def _forward(
    group: Group, unit: Unit, references: Mapping[str, str], style: Style
) -> Body:
    graph = unit.graph
    variables = input_variables(graph, style.closed)
    arguments = [*variables.values(), *([style.random] if unit.draws else [])]
    arguments = [*style.leading, *arguments, *style.trailing]
    lines = head(f"def {style.forward}", arguments, ":", 4)
    columns = zip(*(unit.graph.inputs for unit in group.units), strict=True)
    shapes = [_shape(group, style, [shape for _, shape in c]) for c in columns]
    comment = f"  # {', '.join(shapes)}"
    if len(lines) == 1 and len(lines[0] + comment) <= WIDTH:
        lines = [lines[0] + comment]
    if not unit.path:
        used = {name for node in graph.nodes for name in node.inputs}
        for name, input_shape in graph.inputs:
            live = name in used or name in graph.outputs
            if live and len(input_shape) in style.enter:
                text = style.enter[len(input_shape)].format(variables[name])
                lines += statement(f"{variables[name]} = ", Name(text), 8)
    next_draw = 0

    def value(index: int, inputs: list[str]) -> tuple[str, str]:
        nonlocal next_draw
        node = graph.nodes[index]
        code = unit.codes[node.owner_name if node.body else node.name]
        count = unit.draws_of(node)
        arguments = list(inputs)
        if node.body is not None and count:
            arguments.append(f"{RANDOM}[{next_draw}:{next_draw + count}]")
        made, draw = references.get(node.owner_name, ""), f"{RANDOM}[{next_draw}]"
        next_draw += count
        shape = _shape(group, style, [u.graph.nodes[index].shape for u in group.units])
        return expression(code, made, inputs, draw, arguments), shape

    body = write_body(graph, variables, value, Body(lines), 8)
    outputs = [body.variables[name] for name in graph.outputs]
    if not unit.path:
        outputs = [
            style.leave.get(len(output), "{0}").format(name)
            for name, output in zip(outputs, graph.output_shapes, strict=True)
        ]
    body.lines += _return(outputs)
    return body


def input_variables(graph: TypedGraph, closed: frozenset[str]) -> dict[str, str]:
    """The variables for a graph's inputs: their names, unless they are ``closed``."""
    variables: dict[str, str] = {}
    for name, _ in graph.inputs:
        variables[name] = fresh(name, closed.union(variables.values()))
    return variables


def write_body(
    graph: TypedGraph,
    variables: Mapping[str, str],
    value: Callable[[int, list[str]], tuple[str, str]],
    body: Body,
    indent: int,
) -> Body:
    """Add a line for each node to ``body``: a variable, which is one of its inputs'
    where that is not needed any more, and what ``value`` says of the node's index and
    its inputs' variables, (an expression, the comment with its shape)."""
    body.variables = dict(variables)
    last = {name: i for i, node in enumerate(graph.nodes) for name in node.inputs}
    last |= dict.fromkeys(graph.outputs, len(graph.nodes))
    free = FreeNames(variables[name] for name, _ in graph.inputs if name in last)
    for index, node in enumerate(graph.nodes):
        text, shape = value(index, [body.variables[name] for name in node.inputs])
        done = dict.fromkeys(name for name in node.inputs if last[name] == index)
        target = free.take([body.variables[name] for name in done])
        body.variables[node.name] = target
        if node.note:
            body.lines.append(f"{' ' * indent}# {node.note}")
        start = len(body.lines)
        body.lines += statement(f"{target} = ", Name(text), indent, shape)
        body.nodes.append((start, len(body.lines) - 1))
    return body


def expression(
    code: Code,
    made: str,
    inputs: Sequence[str],
    draw: str = "",
    arguments: Sequence[str] | None = None,
) -> str:
    """What a node's code says of its inputs."""
    return code.forward.format(
        *inputs,
        self=made,
        all=", ".join(inputs if arguments is None else arguments),
        sum=" + ".join(inputs),
        draw=draw,
    )


class FreeNames:
    """Which names of variables are free; ``live``: those that still hold a value."""

    def __init__(self, live: Iterable[str]) -> None:
        self.live = set(live)
        self.rank = {name: rank for rank, name in enumerate(SCRATCH)}
        self.spare = list(range(len(SCRATCH)))  # a heap: the first names come first
        self.further = itertools.count(len(SCRATCH))

    def take(self, done: Sequence[str]) -> str:
        """The first of ``done``, names that are not needed any more, or a new one."""
        self.live.difference_update(done)
        for name in done[1:]:
            if name in self.rank:
                heapq.heappush(self.spare, self.rank[name])
        name = done[0] if done else next(n for n in self._next() if n not in self.live)
        self.live.add(name)
        return name

    def _next(self) -> Iterator[str]:
        while True:
            rank = heapq.heappop(self.spare) if self.spare else next(self.further)
            h = f"h{rank - len(SCRATCH) + 1}"
            name = SCRATCH[rank] if rank < len(SCRATCH) else h
            self.rank[name] = rank
            yield name


def _return(outputs: list[str]) -> list[str]:
    one = f"        return {', '.join(outputs)}"
    if len(one) <= WIDTH or len(outputs) == 1:
        return [one]
    inner = [f"            {name}," for name in outputs]
    return ["        return (", *inner, "        )"]


def _shape(group: Group, style: Style, shapes: list[Shape]) -> str:
    """A shape comment; what differs between the units is named after an argument."""
    natives = [style.native(shape) for shape in shapes]
    if len(set(map(len, natives))) > 1:
        return "(N, ...)"
    letters = style.native(AXES[len(shapes[0])])  # type: ignore[arg-type]
    dims: list[str] = []
    for position, values in enumerate(zip(*natives, strict=True)):
        if len(set(values)) == 1:
            dims.append(str(values[0]))
        else:
            known = (role for role, v in group.parameters.items() if v == values)
            dims.append(next(known, str(letters[position])))
    return size(dims)
