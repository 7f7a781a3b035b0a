"""Rewrites for inference: layers without effect are removed, constants are folded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from polyframe.compiler.passes.users import called_once, only_user
from polyframe.io.array import Array
from polyframe.spec.typed import TypedGraph, TypedNode


def drop_random(graph: TypedGraph) -> TypedGraph:
    """Random layers are the identity in inference, and so is a block of nothing else."""
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


def fold_affine(graph: TypedGraph) -> TypedGraph:
    """A batch norm (or a Scale) folded into the layer before it, if nothing else reads
    that layer.

    In inference a batch norm is ``f · x + s`` for each channel, ``f`` and ``s`` being
    constants: ``f = weight / √(running_var + eps)``, ``s = bias - f · running_mean``
    (Jacob et al. 2018, section 3.2). The layer before is linear in its weights, so
    ``f · (W x + b) + s = (f · W) x + (f · b + s)``: the same layer with other weights,
    which ``folded_weights`` computes in float64.
    """
    users, once = graph.users(), called_once(graph)
    nodes: dict[str, TypedNode] = {}
    sources: dict[str, str] = {}
    for node in graph.nodes:
        node = replace(node, inputs=tuple(sources.get(n, n) for n in node.inputs))
        nodes[node.name] = node
        if not node.layer.per_channel or node.owner not in once:
            continue
        before = nodes.get(node.inputs[0])
        if (
            before is None
            or before.owner not in once
            or before.layer.out_axis is None
            or only_user(before, users, graph) is None
        ):
            continue
        nodes[before.name] = with_norm_folded(before, node)
        sources[node.name] = before.name
        users[before.name] = users.get(node.name, [])
        outputs = tuple(sources.get(name, name) for name in graph.outputs)
        graph = replace(graph, outputs=outputs)
        del nodes[node.name]
    return replace(graph, nodes=tuple(nodes.values()))


def with_norm_folded(node: TypedNode, norm: TypedNode) -> TypedNode:
    """A layer with a bias that has a norm folded in."""
    layer = replace(node.layer, bias=True)  # type: ignore[call-arg]
    folded = (*node.folded, norm)
    names = " and ".join(each.name for each in folded)
    return replace(
        node,
        layer=layer,
        parameters=layer.parameters(*node.in_shapes),
        folded=folded,
        note=f"{names} folded in",
    )


def folded_weights(graph: TypedGraph, weights: Mapping[str, Array]) -> dict[str, Array]:
    """The weights of a graph with folded layers, from those of the original."""
    folded = {name: weights[name] for name in graph.parameters if name in weights}
    for node in graph.walk():
        if not node.folded:
            continue
        axis = node.layer.out_axis
        assert axis is not None
        name = f"{node.owner}.weight"
        dtype = weights[name].dtype
        weight = weights[name].astype(np.float64)
        bias = np.zeros(weight.shape[axis])
        if f"{node.owner}.bias" in weights:
            bias = weights[f"{node.owner}.bias"].astype(np.float64)
        for norm in node.folded:
            own = {
                short: weights[f"{norm.owner}.{short}"].astype(np.float64)
                for short in norm.parameters
            }
            factor, shift = norm.layer.channel_map(own, weight.shape[axis])
            sizes = [1] * weight.ndim
            sizes[axis] = -1
            weight, bias = weight * factor.reshape(sizes), bias * factor + shift
        folded[name] = weight.astype(dtype)
        folded[f"{node.owner}.bias"] = bias.astype(dtype)
    return folded
