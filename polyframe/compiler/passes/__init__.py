"""Exact rewrites of the typed graph, made before a line is written.

Each is exact for every value, forward and (where it is for training) gradient, says in
its docstring why, and leaves a note for the source. ``optimize=False`` leaves all out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from polyframe.compiler.passes.inference import (
    drop_random,
    fold_affine,
    folded_weights,
)
from polyframe.compiler.passes.moves import (
    average_before_pointwise,
    pool_before_activation,
)
from polyframe.spec.typed import TypedGraph

__all__ = ["INFERENCE", "PLAIN", "TRAINING", "Pass", "folded_weights", "rewrite"]

Pass = Callable[[TypedGraph], TypedGraph]

TRAINING: tuple[Pass, ...] = (pool_before_activation, average_before_pointwise)
PLAIN: tuple[Pass, ...] = (drop_random, *TRAINING)
"""Without a training step, and with the weights as they are."""
INFERENCE: tuple[Pass, ...] = (drop_random, fold_affine, *TRAINING)
"""With weights of its own (``folded_weights``)."""


def rewrite(graph: TypedGraph, passes: tuple[Pass, ...]) -> TypedGraph:
    """The graph after all passes, in every block too."""
    nodes = tuple(
        node if node.body is None else replace(node, body=rewrite(node.body, passes))
        for node in graph.nodes
    )
    graph = replace(graph, nodes=nodes)
    for change in passes:
        graph = change(graph)
    return graph
