"""From a typed graph to the two functions of a model: ``init`` and ``forward``."""

from __future__ import annotations

from typing import Any

from polyframe.compiler.python.functions import Frame, write_function
from polyframe.compiler.python.sections import Place, Section
from polyframe.compiler.python.source import literal
from polyframe.compiler.python.write import Written
from polyframe.spec.typed import TypedGraph, flatten


def write_model(graph: TypedGraph, *given: Any) -> Written:
    """Both; ``given`` is what ``write_function`` takes."""
    stateful = any(not p.trainable for p in graph.parameters.values())
    frame = Frame(
        '@partial(jax.jit, static_argnames="training")',
        "Return the outputs, and the state behind them.",
        ["    state = dict(state)"] if stateful else [],
        "{0}, state",
    )
    return write_function(graph, *given, frame, [init_section(flatten(graph))])


def init_section(flat: TypedGraph) -> Section:
    """``init``: the arrays that the program takes, by canonical name."""
    lines = [
        '@partial(jax.jit, static_argnames="dtype")',
        "def init(dtype):",
        '    """Return (parameters, state), all zeros."""',
    ]
    made: dict[str, tuple[int, int]] = {}
    for word, trainable in (("params", True), ("state", False)):
        own = {n: p for n, p in flat.parameters.items() if p.trainable == trainable}
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
    nodes = [n for n in flat.nodes if n.owner in made]
    places = tuple(Place(n.path, "construction", *made[n.owner]) for n in nodes)
    return Section("\n".join(lines), places)
