"""From a typed graph to the two functions of a model: ``init`` and ``forward``."""

from __future__ import annotations

from collections.abc import Mapping

from polyframe.compiler.program import Slot
from polyframe.compiler.python.classes import (
    Body,
    expression,
    input_variables,
    write_body,
)
from polyframe.compiler.python.sections import Place, Section
from polyframe.compiler.python.source import head, literal, size
from polyframe.compiler.python.units import Style
from polyframe.compiler.python.write import Written, snippets_of
from polyframe.compiler.table import Form, Table, Target, View
from polyframe.spec.layers.base import Parameter
from polyframe.spec.typed import TypedGraph, flatten


def write_model(
    graph: TypedGraph,
    forms: Mapping[str, Form],
    target: Target,
    style: Style,
    table: Table,
) -> Written:
    """A graph's program is one function: blocks are opened."""
    flat = flatten(graph)
    codes = [
        (forms.get(n.path) or forms[n.owner]).write(View(n, target)) for n in flat.nodes
    ]
    draws = [n.path for n, c in zip(flat.nodes, codes, strict=True) if c.draws]
    variables = input_variables(flat, style.closed)
    arguments = [*style.leading, *variables.values()]
    arguments += [*(["draws=()"] if draws else []), *style.trailing]
    stateful = any(not p.trainable for p in graph.parameters.values())
    body = Body(
        [
            '@partial(jax.jit, static_argnames="training")',
            *head("def forward", arguments, ":", 0),
            '    """Return the outputs, and the state behind them."""',
            *(f"    # {variables[name]}: {size(shape)}" for name, shape in flat.inputs),
            *(["    state = dict(state)"] if stateful else []),
        ]
    )

    def value(index: int, inputs: list[str]) -> tuple[str, str]:
        node, code = flat.nodes[index], codes[index]
        draw = f"draws[{draws.index(node.path)}]" if code.draws else ""
        return expression(code, node.owner, inputs, draw), size(node.shape)

    write_body(flat, variables, value, body, 4)
    results = ", ".join(body.variables[name] for name in flat.outputs)
    results = f"({results})" if len(flat.outputs) > 1 else results
    body.lines.append(f"    return {results}, state")
    calls = zip(flat.nodes, body.nodes, strict=True)
    forward = Section(
        "\n".join(body.lines),
        tuple(Place(node.path, "forward", *lines) for node, lines in calls),
    )
    nodes = list(zip(flat.nodes, codes, strict=True))
    return Written(
        (init_section(flat), forward),
        "forward",
        {name: Slot(name) for name in graph.parameters},
        tuple(draws),
        tuple(dict.fromkeys(snippets_of(nodes, table))),
        tuple(dict.fromkeys(line for code in codes for line in code.imports)),
    )


def init_section(flat: TypedGraph) -> Section:
    """``init``: the arrays that the program takes, by canonical name."""
    lines = [
        '@partial(jax.jit, static_argnames="dtype")',
        "def init(dtype):",
        '    """Return (parameters, state), all zeros."""',
    ]
    made: dict[str, tuple[int, int]] = {}
    for word, trainable in (("params", True), ("state", False)):
        own: dict[str, Parameter] = {
            name: p for name, p in flat.parameters.items() if p.trainable == trainable
        }
        lines.append(f"    {word} = {{" + ("" if own else "}"))
        before = set(made)
        for name, p in own.items():
            owner, line = name.rpartition(".")[0], len(lines)
            if owner not in before:
                made[owner] = made.get(owner, (line, line))[0], line
            shape = literal(p.shape)
            lines.append(f"        {literal(name)}: jnp.zeros({shape}, dtype),")
        lines += ["    }"] if own else []
    lines.append("    return params, state")
    places = (
        Place(node.path, "construction", *made[node.owner])
        for node in flat.nodes
        if node.owner in made
    )
    return Section("\n".join(lines), tuple(places))
