"""Probes: shifts of zeros behind every node of a graph.

A shift's gradient is the slope of the loss in the node's output, summed over the samples,
so a backend needs no way of its own to ask for it: flattening, a scale and a reshape do.
"""

from __future__ import annotations

import math
from dataclasses import replace

from polyframe.spec.layers import Flatten, Reshape, Scale
from polyframe.spec.layers.base import Layer, Shape
from polyframe.spec.typed import TypedGraph, TypedNode


def with_probes(graph: TypedGraph) -> tuple[TypedGraph, dict[str, str]]:
    """A flat graph with a probe behind each input and node, and name → its probe."""
    nodes: list[TypedNode] = []
    behind: dict[str, str] = {}
    names: dict[str, str] = {}

    def add(layer: Layer, name: str, source: str, shape: Shape) -> Shape:
        layer = layer.resolve({})
        out = layer.infer(shape)
        parameters = layer.parameters(shape)
        nodes.append(
            TypedNode(name, name, name, layer, (source,), (shape,), out, parameters)
        )
        return out

    def probe(name: str, shape: Shape) -> None:
        word, source = f"probe{len(names)}", name
        flat: Shape = (math.prod(shape),)
        if len(shape) > 1:
            add(Flatten(), f"{word}_flat", source, shape)
            source = f"{word}_flat"
        add(Scale(bias=True), word, source, flat)
        behind[name], names[name] = word, word
        if len(shape) > 1:
            add(Reshape(shape), f"{word}_back", word, flat)
            behind[name] = f"{word}_back"

    for name, shape in graph.inputs:
        probe(name, shape)
    for node in graph.nodes:
        nodes.append(replace(node, inputs=tuple(behind[i] for i in node.inputs)))
        probe(node.name, node.shape)
    outputs = tuple(behind[name] for name in graph.outputs)
    return TypedGraph(graph.name, graph.inputs, tuple(nodes), outputs), names
