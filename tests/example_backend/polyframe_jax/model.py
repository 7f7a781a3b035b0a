"""From a typed graph to the two functions of a model: ``init`` and ``forward``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from polyframe.compiler.program import Slot
from polyframe.compiler.python.classes import Free
from polyframe.compiler.python.source import Name, fresh, head, literal, size, statement
from polyframe.compiler.table import Form, Target, View
from polyframe.spec.layers.base import Parameter
from polyframe.spec.typed import TypedGraph, flatten

WORDS = frozenset({"params", "state", "draws", "training", "jax", "jnp", "lax", "np"})
"""What variables of ``forward`` may not be called, besides the functions beside it."""


@dataclass(frozen=True)
class Written:
    """The text of a model, and what a program has to know about it."""

    sections: tuple[str, ...]
    weights: Mapping[str, Slot]
    draws: tuple[str, ...]
    snippets: tuple[str, ...]


def write_model(
    graph: TypedGraph, forms: Mapping[str, Form], target: Target, names: Iterable[str]
) -> Written:
    """A graph's program is one function: blocks are opened."""
    flat = flatten(graph)
    codes = {n.name: forms[n.path].write(View(n, target)) for n in flat.nodes}
    draws = [n.path for n in flat.nodes if "{draw}" in codes[n.name].forward]
    taken = WORDS.union(names)
    stateful = any(not p.trainable for p in graph.parameters.values())
    variables: dict[str, str] = {}
    for name, _ in flat.inputs:
        variables[name] = fresh(name, taken.union(variables.values()))
    arguments = ["params", "state", *variables.values()]
    arguments += ["draws=()"] if draws else []
    lines = [
        '@partial(jax.jit, static_argnames="training")',
        *head("def forward", [*arguments, "training=False"], ":", 0),
        '    """Return the outputs, and the state behind them."""',
        *(f"    # {variables[name]}: {size(shape)}" for name, shape in flat.inputs),
        *(["    state = dict(state)"] if stateful else []),
    ]
    last = {name: i for i, node in enumerate(flat.nodes) for name in node.inputs}
    last |= dict.fromkeys(flat.outputs, len(flat.nodes))
    free = Free(variables[name] for name, _ in flat.inputs if name in last)
    for index, node in enumerate(flat.nodes):
        inputs = [variables[name] for name in node.inputs]
        text = codes[node.name].forward.format(
            *inputs,
            self=node.owner,
            all=", ".join(inputs),
            sum=" + ".join(inputs),
            draw=f"draws[{draws.index(node.path)}]" if node.path in draws else "",
        )
        done = dict.fromkeys(name for name in node.inputs if last[name] == index)
        variables[node.name] = free.take([variables[name] for name in done])
        lines += [f"    # {node.note}"] if node.note else []
        start = f"{variables[node.name]} = "
        lines += statement(start, Name(text), 4, size(node.shape))
    results = ", ".join(variables[name] for name in flat.outputs)
    several = len(flat.outputs) > 1
    lines.append(f"    return {f'({results})' if several else results}, state")
    used = dict.fromkeys(name for c in codes.values() for name in c.snippets)
    found = graph.parameters
    return Written(
        (init_text(found), "\n".join(lines)),
        {name: Slot(name) for name in found},
        tuple(draws),
        with_callees(used),
    )


def with_callees(used: Iterable[str]) -> tuple[str, ...]:
    """Snippets behind those that they call."""
    names = tuple(used)
    pools = any(name.endswith("_pool") for name in names)
    return (*(["windows"] if pools else []), *names)


def init_text(parameters: Mapping[str, Parameter]) -> str:
    """``init``: the arrays that the program takes, by canonical name."""

    def arrays(trainable: bool) -> list[str]:
        return [
            f"        {literal(name)}: jnp.zeros({literal(p.shape)}, dtype),"
            for name, p in parameters.items()
            if p.trainable == trainable
        ]

    lines = [
        '@partial(jax.jit, static_argnames="dtype")',
        "def init(dtype):",
        '    """Return (parameters, state), all zeros."""',
    ]
    for word, trainable in (("params", True), ("state", False)):
        inner = arrays(trainable)
        both = [f"    {word} = {{", *inner, "    }"]
        lines += both if inner else [f"    {word} = {{}}"]
    return "\n".join([*lines, "    return params, state"])
