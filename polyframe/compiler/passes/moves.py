"""Rewrites that swap a pool with the layer before it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from polyframe.compiler.passes.users import only_user
from polyframe.spec.layers.conv import Conv
from polyframe.spec.layers.pool import AvgPool, MaxPool
from polyframe.spec.typed import TypedGraph, TypedNode


def pool_before_activation(graph: TypedGraph) -> TypedGraph:
    """Max pooling before a monotone activation: the same values on a smaller tensor.

    f(max(a, b)) = max(f(a), f(b)) for every f that never decreases. Gradients agree
    too: the pool picks the first maximum before f; where f is flat (ReLU below zero)
    either choice passes a zero gradient, and elsewhere the maxima are the same. Padding
    (-inf) is never the maximum: every window has a real value, as ``infer`` ensures.
    """
    return pool_first(
        graph,
        lambda node: node.layer.increasing,
        lambda pool, _: isinstance(pool.layer, MaxPool),
    )


def average_before_pointwise(graph: TypedGraph) -> TypedGraph:
    """Average pooling before a 1×1 convolution, where that leaves fewer positions.

    Both are linear, and they act on different axes, so they commute: the mean of
    ``W x + b`` over a window is ``W`` times the mean of ``x``, plus ``b`` where the
    factors of each window add up to one. They do unless zeros of padding are counted
    or the divisor is given: then a convolution with a bias stays before the pool. So the
    gradients agree, too. Sums are taken in another order, which changes the last bits.
    """

    def pools(pool: TypedNode, conv: TypedNode) -> bool:
        fewer = math.prod(pool.shape[1:]) < math.prod(pool.in_shapes[0][1:])
        biased: bool = conv.layer.bias  # type: ignore[attr-defined]
        average = isinstance(pool.layer, AvgPool)
        return average and fewer and (averages_ones_to_one(pool) or not biased)

    return pool_first(
        graph,
        lambda node: (
            isinstance(node.layer, Conv) and node.layer.pointwise(node.in_shapes[0])
        ),
        pools,
    )


def averages_ones_to_one(pool: TypedNode) -> bool:
    """Whether the factors of each window add up to one."""
    layer: AvgPool = pool.layer  # type: ignore[assignment]
    inner, _ = layer.counted_pads(pool.in_shapes[0])
    return layer.divisor is None and not any(map(any, inner))


def pool_first(
    graph: TypedGraph,
    moves: Callable[[TypedNode], bool],
    pools: Callable[[TypedNode, TypedNode], bool],
) -> TypedGraph:
    """The graph with every node for which ``moves(node)`` put after the pool that alone
    reads it, if ``pools(pool, node)``."""
    users = graph.users()
    nodes = list(graph.nodes)
    at = {node.name: index for index, node in enumerate(nodes)}
    renamed: dict[str, str] = {}
    for node in graph.nodes:
        follower = only_user(node, users, graph)
        if follower is None or not moves(node) or not pools(follower, node):
            continue
        note = f"{follower.name} before {node.name}: equal, and less work"
        before = node.in_shapes[0]
        pooled = follower.layer.infer(before)
        pool = replace(
            follower, inputs=node.inputs, in_shapes=(before,), shape=pooled, note=note
        )
        moved = replace(
            node, inputs=(pool.name,), in_shapes=(pooled,), shape=follower.shape
        )
        nodes[at[node.name]], nodes[at[follower.name]] = pool, moved
        renamed[follower.name] = node.name
    nodes = [
        replace(node, inputs=tuple(read(n, node, renamed) for n in node.inputs))
        for node in nodes
    ]
    outputs = tuple(renamed.get(name, name) for name in graph.outputs)
    return replace(graph, nodes=tuple(nodes), outputs=outputs)


def read(name: str, node: TypedNode, renamed: dict[str, str]) -> str:
    """What a node reads after the swaps."""
    return name if renamed.get(name) == node.name else renamed.get(name, name)
