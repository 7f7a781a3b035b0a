"""Probes: shifts by zeros after every node of a graph.

The gradient of a shift is the loss's gradient with respect to the node's output, summed
over the samples. So a backend needs nothing special for it: Flatten, Scale and Reshape.
"""

from __future__ import annotations

import math
from dataclasses import replace

from polyframe.spec.layers import Flatten, Reshape, Scale
from polyframe.spec.layers.base import Layer, Shape
from polyframe.spec.typed import TypedGraph, TypedNode


def with_probes(graph: TypedGraph) -> tuple[TypedGraph, dict[str, str]]:
    """A flat graph with a probe after each input and node, and name → its probe."""
    nodes: list[TypedNode] = []
    probed: dict[str, str] = {}
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
        probed[name], names[name] = word, word
        if len(shape) > 1:
            add(Reshape(shape), f"{word}_back", word, flat)
            probed[name] = f"{word}_back"

    for name, shape in graph.inputs:
        probe(name, shape)
    for node in graph.nodes:
        nodes.append(replace(node, inputs=tuple(probed[i] for i in node.inputs)))
        probe(node.name, node.shape)
    outputs = tuple(probed[name] for name in graph.outputs)
    return TypedGraph(graph.name, graph.inputs, tuple(nodes), outputs), names
