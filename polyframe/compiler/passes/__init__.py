"""Exact rewrites of the typed graph, made before a line is written.

Each is exact for every value, forward and (where it is for training) gradient, and leaves
a note for the source; ``REASONS`` says for readers what it does and why it is exact, and
its docstring has the details. ``optimize=False`` leaves all out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

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

__all__ = [
    "INFERENCE", "PLAIN", "REASONS", "TRAINING", "Pass", "Reason", "folded_weights",
    "rewrite",
]  # fmt: skip

Pass = Callable[[TypedGraph], TypedGraph]


class Reason(NamedTuple):
    """What a pass does, and why its result is equal."""

    title: str
    why: str


TRAINING: tuple[Pass, ...] = (pool_before_activation, average_before_pointwise)
PLAIN: tuple[Pass, ...] = (drop_random, *TRAINING)
"""Without a training step, and with the weights as they are."""
INFERENCE: tuple[Pass, ...] = (drop_random, fold_affine, *TRAINING)
"""With weights of its own (``folded_weights``)."""

REASONS: Mapping[Pass, Reason] = {
    pool_before_activation: Reason(
        "Max pooling moves before an activation that never decreases, where the "
        "activation has fewer values to compute.",
        "f(max(a, b)) = max(f(a), f(b)) for every f that never decreases. The gradients "
        "agree, too: where f is flat, both pass a gradient of 0 on, and elsewhere the "
        "largest value is the same one before and after f.",
    ),
    average_before_pointwise: Reason(
        "Average pooling moves before a 1x1 convolution, which then has fewer positions "
        "to compute.",
        "Both are linear, and they act on different axes: the mean of W x + b over a "
        "window is W times the mean of x, plus b. Sums are taken in another order, which "
        "changes the last bits.",
    ),
    drop_random: Reason(
        "Random layers are left out of a program that predicts.",
        "Dropout and other random layers are the identity where nothing is trained.",
    ),
    fold_affine: Reason(
        "A batch norm (or a Scale) is folded into the weights of the layer before it.",
        "In inference it is f x + s for each channel, with constants f and s, and the "
        "layer before it is linear: f (W x + b) + s = (f W) x + (f b + s). The products "
        "are computed once, in float64, and rounded once.",
    ),
}
"""What readers are told of each pass."""


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
