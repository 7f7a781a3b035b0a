"""What a spec means: its definitions, run one after the other in NumPy.

This is the reference: float64, without regard to speed. Everything a backend computes
is compared with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from polyframe.io.array import Array
from polyframe.spec.layers.base import Context
from polyframe.spec.typed import TypedGraph, flatten


def interpret(
    graph: TypedGraph,
    weights: Mapping[str, Array],
    inputs: Sequence[Array],
    *,
    training: bool = False,
    draws: Mapping[str, Array] | None = None,
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Every node's output by its path, and the state parameters that change.

    ``inputs`` are (N, …) arrays; ``draws`` holds the factors of random layers by path.
    """
    flat = flatten(graph)
    names = (name for name, _ in flat.inputs)
    known = dict(zip(names, inputs, strict=True))
    state: dict[str, Array] = {}
    for node in flat.nodes:
        own = {
            name: state.get(f"{node.owner}.{name}", weights[f"{node.owner}.{name}"])
            for name in node.parameters
        }
        learning = training and not node.fixed
        at = Context(own, learning, (draws or {}).get(node.path))
        x = [known[name] for name in node.inputs]
        known[node.name] = node.layer.define(at, *x)
        if learning:
            for name, value in node.layer.new_state(at, *x).items():
                state[f"{node.owner}.{name}"] = value
    return known, state
