"""A model as one function, for frameworks whose models are functions: blocks are
flattened, and each layer's expression names its parameters by the layer's path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from polyframe.compiler.program import Slot
from polyframe.compiler.python.classes import (
    Body,
    expression,
    input_variables,
    write_body,
)
from polyframe.compiler.python.code import RANDOM
from polyframe.compiler.python.sections import MappedLines, Section
from polyframe.compiler.python.source import head, literal, size
from polyframe.compiler.python.units import Style
from polyframe.compiler.python.write import Written, snippets_of
from polyframe.compiler.table import Form, Table, Target, View
from polyframe.spec.typed import TypedGraph, flatten


@dataclass(frozen=True)
class Function:
    """The parts of a model's function around its nodes.

    - ``name``, and ``decorators``: whole lines above its head;
    - ``opening``: lines at its start, not indented, the docstring among them;
    - ``results``: what it returns, ``{}`` standing for the outputs.
    """

    name: str
    decorators: Sequence[str] = ()
    opening: Sequence[str] = ()
    results: str = "{}"


def write_function(
    graph: TypedGraph,
    forms: Mapping[str, Form],
    target: Target,
    style: Style,
    table: Table,
    function: Function,
) -> Written:
    """The function of a graph: of ``style.leading``, the inputs, ``random`` where a layer
    takes random numbers, and ``style.trailing``."""
    flat = flatten(graph)
    codes = [
        (forms.get(n.path) or forms[n.owner]).write(View(n, target)) for n in flat.nodes
    ]
    draws = [n.path for n, c in zip(flat.nodes, codes, strict=True) if c.draws]
    variables = input_variables(flat, style.closed)
    arguments = [*style.leading, *variables.values()]
    arguments += [*([style.random] if draws else []), *style.trailing]
    body = Body(
        [
            *function.decorators,
            *head(f"def {function.name}", arguments, ":", 0),
            *(f"    {line}" for line in function.opening[:1]),
            *(f"    # {variables[name]}: {size(shape)}" for name, shape in flat.inputs),
            *(f"    {line}" for line in function.opening[1:]),
        ]
    )

    def value(index: int, inputs: list[str]) -> tuple[str, str]:
        node, code = flat.nodes[index], codes[index]
        draw = f"{RANDOM}[{draws.index(node.path)}]" if code.draws else ""
        return expression(code, node.owner, inputs, draw), size(node.shape)

    write_body(flat, variables, value, body, 4)
    outputs = ", ".join(body.variables[name] for name in flat.outputs)
    outputs = f"({outputs})" if len(flat.outputs) > 1 else outputs
    body.lines.append(f"    return {function.results.format(outputs)}")
    calls = zip(flat.nodes, body.nodes, strict=True)
    section = Section(
        "\n".join(body.lines),
        tuple(MappedLines(node.path, "forward", *lines) for node, lines in calls),
    )
    nodes = list(zip(flat.nodes, codes, strict=True))
    return Written(
        (section,),
        function.name,
        {name: Slot(name) for name in graph.parameters},
        tuple(draws),
        tuple(dict.fromkeys(snippets_of(nodes, table))),
        tuple(dict.fromkeys(line for code in codes for line in code.imports)),
    )


def write_arrays(flat: TypedGraph, opening: Sequence[str], make: str) -> Section:
    """A function that makes a model's arrays by canonical name, and returns (params,
    state): ``opening`` are its first lines, ``make`` the expression of an array, ``{}``
    standing for its shape."""
    lines = [*opening]
    made: dict[str, tuple[int, int]] = {}
    for word, trainable in (("params", True), ("state", False)):
        own = [n for n, p in flat.parameters.items() if p.trainable == trainable]
        lines.append(f"    {word} = {{" + ("" if own else "}"))
        before = set(made)
        for name in own:
            owner, line = name.rpartition(".")[0], len(lines)
            if owner not in before:
                made[owner] = made.get(owner, (line, line))[0], line
            array = make.format(literal(flat.parameters[name].shape))
            lines.append(f"        {literal(name)}: {array},")
        lines += ["    }"] if own else []
    lines.append("    return params, state")
    mapped = (
        MappedLines(node.path, "construction", *made[node.owner])
        for node in flat.nodes
        if node.owner in made
    )
    return Section("\n".join(lines), tuple(mapped))
