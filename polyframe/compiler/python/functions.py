"""Models as one function, for frameworks in which they are no objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from polyframe.compiler.program import Slot
from polyframe.compiler.python.classes import (
    Body,
    expression,
    input_variables,
    write_body,
)
from polyframe.compiler.python.sections import Place, Section
from polyframe.compiler.python.source import head, size
from polyframe.compiler.python.units import Style
from polyframe.compiler.python.write import Written, snippets_of
from polyframe.compiler.table import Form, Table, Target, View
from polyframe.spec.typed import TypedGraph, flatten


class Frame(NamedTuple):
    """What stands around the lines of the nodes; of ``result``, {0} are the outputs."""

    decorator: str
    doc: str
    before: Sequence[str] = ()
    result: str = "{0}"


def write_function(
    graph: TypedGraph,
    forms: Mapping[str, Form],
    target: Target,
    style: Style,
    table: Table,
    frame: Frame,
    before: Sequence[Section] = (),
) -> Written:
    """A model as the function ``style.forward``: blocks are opened, and the native path
    of a layer is its canonical one. ``before`` are sections in front of it."""
    flat = flatten(graph)
    codes = [
        (forms.get(n.path) or forms[n.owner]).write(View(n, target)) for n in flat.nodes
    ]
    draws = [n.path for n, c in zip(flat.nodes, codes, strict=True) if c.draws]
    variables = input_variables(flat, style.closed)
    arguments = [*style.leading, *variables.values()]
    arguments += [*(["draws=()"] if draws else []), *style.trailing]
    comments = (
        f"    # {variables[name]}: {size(shape)}" for name, shape in flat.inputs
    )
    top = [frame.decorator, *head(f"def {style.forward}", arguments, ":", 0)]
    body = Body([*top, f'    """{frame.doc}"""', *comments, *frame.before])

    def value(index: int, inputs: list[str]) -> tuple[str, str]:
        node, code = flat.nodes[index], codes[index]
        draw = f"draws[{draws.index(node.path)}]" if code.draws else ""
        return expression(code, node.owner, inputs, draw), size(node.shape)

    write_body(flat, variables, value, body, 4)
    outputs = ", ".join(body.variables[name] for name in flat.outputs)
    outputs = f"({outputs})" if len(flat.outputs) > 1 else outputs
    body.lines.append(f"    return {frame.result.format(outputs)}")
    places = [
        Place(path, "forward", *lines)
        for node, lines in zip(flat.nodes, body.nodes, strict=True)
        for path in (node.path, *(one.path for one in node.folded))
    ]
    nodes = list(zip(flat.nodes, codes, strict=True))
    return Written(
        (*before, Section("\n".join(body.lines), tuple(places))),
        style.forward,
        {name: Slot(name) for name in graph.parameters},
        tuple(draws),
        tuple(dict.fromkeys(snippets_of(nodes, table))),
        tuple(dict.fromkeys(line for code in codes for line in code.imports)),
    )
