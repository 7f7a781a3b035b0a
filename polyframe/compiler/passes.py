"""Exact rewrites of the typed graph, made before a line is written.

Each is exact for every value, forward and gradient, and leaves a note for the source.
``optimize=False`` leaves them out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from polyframe.spec.layers.pool import MaxPool
from polyframe.spec.typed import TypedGraph, TypedNode

Pass = Callable[[TypedGraph], TypedGraph]


def pool_before_activation(graph: TypedGraph) -> TypedGraph:
    """Max pooling before a monotone activation: the same values on a smaller tensor.

    f(max(a, b)) = max(f(a), f(b)) for every f that never decreases. Gradients agree
    too: the pool picks the first maximum before f; where f is flat (ReLU below zero)
    either choice passes a zero gradient, and elsewhere the maxima are the same. Padding
    (-inf) never wins: every window has a real value, which ``infer`` sees to.
    """
    users = graph.users()
    nodes = list(graph.nodes)
    at = {node.name: index for index, node in enumerate(nodes)}
    renamed: dict[str, str] = {}
    for node in graph.nodes:
        follower = only_user(node, users, graph)
        if (
            follower is None
            or not node.layer.increasing
            or not isinstance(follower.layer, MaxPool)
        ):
            continue
        note = f"{follower.name} before {node.name}: equal, and less work"
        pool = replace(follower, inputs=node.inputs, note=note)
        active = replace(
            node, inputs=(pool.name,), in_shapes=(pool.shape,), shape=pool.shape
        )
        nodes[at[node.name]], nodes[at[follower.name]] = pool, active
        renamed[follower.name] = node.name
    nodes = [
        replace(node, inputs=tuple(read(n, node, renamed) for n in node.inputs))
        for node in nodes
    ]
    outputs = tuple(renamed.get(name, name) for name in graph.outputs)
    return replace(graph, nodes=tuple(nodes), outputs=outputs)


def read(name: str, node: TypedNode, renamed: dict[str, str]) -> str:
    """What a node reads after pools and activations have changed places."""
    return name if renamed.get(name) == node.name else renamed.get(name, name)


def only_user(
    node: TypedNode, users: dict[str, list[TypedNode]], graph: TypedGraph
) -> TypedNode | None:
    """The single node that reads this one, if nothing else sees its value."""
    found = users.get(node.name, [])
    if len(found) != 1 or node.name in graph.outputs or len(found[0].inputs) != 1:
        return None
    return found[0]


def drop_random(graph: TypedGraph) -> TypedGraph:
    """Inference only: random layers are the identity there, and so is a block of
    nothing else."""
    sources: dict[str, str] = {}
    nodes = []
    for node in graph.nodes:
        inputs = tuple(sources.get(name, name) for name in node.inputs)
        if node.layer.random:
            sources[node.name] = inputs[0]
        elif node.body is not None and not node.body.nodes:
            names = [name for name, _ in node.body.inputs]
            sources[node.name] = inputs[names.index(node.body.outputs[0])]
        else:
            nodes.append(replace(node, inputs=inputs))
    outputs = tuple(sources.get(name, name) for name in graph.outputs)
    return replace(graph, nodes=tuple(nodes), outputs=outputs)


TRAINING: tuple[Pass, ...] = (pool_before_activation,)
INFERENCE: tuple[Pass, ...] = (drop_random, pool_before_activation)


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
