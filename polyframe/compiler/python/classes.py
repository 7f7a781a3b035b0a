"""Writing units as classes: constructors, forward passes, shape comments."""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from polyframe.compiler.python.code import Code
from polyframe.compiler.python.source import (
    KEYWORDS,
    WIDTH,
    Name,
    fresh,
    head,
    size,
    statement,
)
from polyframe.compiler.python.units import Group, Style, Unit, named
from polyframe.spec.layers.base import Shape
from polyframe.spec.typed import TypedNode

AXES = {1: ("C",), 2: ("C", "L"), 3: ("C", "H", "W"), 4: ("C", "D", "H", "W")}
"""What sizes that differ between the units of a class are called in comments."""
SCRATCH = ("x", "y", "z", "u", "v", "w")
"""Names for values on their way; a graph that needs more takes h1, h2, …"""


def write_class(group: Group, style: Style, doc: str = "") -> list[str]:
    """The lines of one class; fills in where its units keep what they made."""
    unit = group.units[0]
    references = _attributes(group, style)
    base = style.block_base if unit.path and style.block_base else style.base
    lines = head(f"class {group.name}", [base], ":", 0)
    if doc:
        lines += [f'    """{doc}"""', ""]
    lines += head("def __init__", ["self", *group.parameters], ":", 4)
    lines += [f"        {style.init}"]
    for name, make in named(group).items():
        if make is not None:
            lines += statement(f"{references[name]} = ", make, 8)
    if style.made and not unit.path:
        lines.append(f"        {style.made}")
    return [*lines, "", *_forward(group, unit, references, style)]


def _attributes(group: Group, style: Style) -> dict[str, str]:
    """Node → how it is reached from ``self``; paths go into ``unit.pieces``."""
    references: dict[str, str] = {}
    closed = style.reserved | style.names | KEYWORDS
    taken: set[str] = set()
    for node in group.units[0].graph.nodes:
        code = group.units[0].codes.get(node.name)
        if node.shared or code is None or code.make is None:
            continue
        name = node.name.replace(".", "_")
        clash = name in closed or name.isdigit()
        if clash and style.keyed and name not in style.assigned:
            references[node.name], piece = f'self._modules["{name}"]', name
        else:
            attribute = f"layer{name}" if name.isdigit() else name
            while attribute in closed or attribute in taken:
                attribute += "_"
            references[node.name] = f"self.{attribute}"
            piece = attribute
        taken.add(piece)
        for unit in group.units:
            unit.pieces[node.name] = piece
    return references


def _forward(
    group: Group, unit: Unit, references: Mapping[str, str], style: Style
) -> list[str]:
    graph = unit.graph
    variables: dict[str, str] = {}
    closed = style.names | set(re.findall(r"\w+", style.forward)) | {"draws"}
    for name, _ in graph.inputs:
        variables[name] = fresh(name, closed.union(variables.values()))
    arguments = [*variables.values(), *(["draws=()"] if unit.draws else [])]
    function, _, rest = style.forward.format(", ".join(arguments)).partition("(")
    lines = head(f"def {function}", rest.removesuffix(")").split(", "), ":", 4)
    columns = zip(*(unit.graph.inputs for unit in group.units), strict=True)
    shapes = [_shape(group, style, [shape for _, shape in c]) for c in columns]
    comment = f"  # {', '.join(shapes)}"
    if len(lines) == 1 and len(lines[0] + comment) <= WIDTH:
        lines = [lines[0] + comment]
    last = {name: i for i, node in enumerate(graph.nodes) for name in node.inputs}
    last |= dict.fromkeys(graph.outputs, len(graph.nodes))
    free = Free(variables[name] for name, _ in graph.inputs if name in last)
    if not unit.path:
        for name, input_shape in graph.inputs:
            if name in last and len(input_shape) in style.enter:
                text = style.enter[len(input_shape)].format(variables[name])
                lines += statement(f"{variables[name]} = ", Name(text), 8)
    drawn = 0
    for index, node in enumerate(graph.nodes):
        code = unit.codes[node.owner_name if node.body else node.name]
        made = references.get(node.owner_name, "")
        value = _expression(node, code, unit, made, variables, drawn)
        drawn += unit.draws_of(node)
        done = {name: None for name in node.inputs if last[name] == index}
        target = free.take([variables[name] for name in done])
        variables[node.name] = target
        if node.note:
            lines.append(f"        # {node.note}")
        shape = _shape(group, style, [u.graph.nodes[index].shape for u in group.units])
        lines += statement(f"{target} = ", value, 8, shape)
    outputs = [variables[name] for name in graph.outputs]
    if not unit.path:
        outputs = [
            style.leave.get(len(output), "{0}").format(name)
            for name, output in zip(outputs, graph.output_shapes, strict=True)
        ]
    return [*lines, *_return(outputs)]


def _expression(
    node: TypedNode,
    code: Code,
    unit: Unit,
    made: str,
    variables: Mapping[str, str],
    drawn: int,
) -> Name:
    inputs = [variables[name] for name in node.inputs]
    count = unit.draws_of(node)
    everything = list(inputs)
    if node.body is not None and count:
        everything.append(f"draws[{drawn}:{drawn + count}]")
    return Name(
        code.forward.format(
            *inputs,
            self=made,
            all=", ".join(everything),
            sum=" + ".join(inputs),
            draw=f"draws[{drawn}]",
        )
    )


class Free:
    """Which names are free for values on their way."""

    def __init__(self, live: Iterable[str]) -> None:
        self.live = set(live)
        self.rank = {name: rank for rank, name in enumerate(SCRATCH)}
        self.spare = list(range(len(SCRATCH)))  # a heap: the first names come first
        self.further = itertools.count(len(SCRATCH))

    def take(self, done: Sequence[str]) -> str:
        """The first of the inputs' names that are not needed any more, or a new one."""
        self.live.difference_update(done)
        for name in done[1:]:
            if name in self.rank:
                heapq.heappush(self.spare, self.rank[name])
        found = done[0] if done else next(n for n in self._next() if n not in self.live)
        self.live.add(found)
        return found

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
