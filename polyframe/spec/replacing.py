"""Replacing layers of a graph, at any depth: one, or all by what is UNSET in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from polyframe.errors import SpecError, brief, did_you_mean
from polyframe.spec.graph import Block, Graph, replace_name
from polyframe.spec.layers.base import Layer, check_arity

SHOWN = 12


def replaced(graph: Graph, path: object, layer: object) -> Graph:
    """The graph with another layer at a dotted path; where blocks or layers are shared,
    at all their calls. The node keeps its name. SpecError names the path."""
    known = list(paths(graph))
    if path not in known or not isinstance(path, str):
        # The outermost come first, and a head is among the last of them.
        tops = [name for name in known if "." not in name][-SHOWN:]
        raise SpecError(
            f"there is no layer of this path.{did_you_mean(str(path), known)}",
            where=path if isinstance(path, str) else brief(path),
            hint=f"the last layers are {', '.join(tops)}",
        )
    if not isinstance(layer, Layer):
        raise SpecError(f"got {brief(layer)}; a layer is needed", where=path)
    name = path.rpartition(".")[2]
    if layer.name not in (None, name):
        raise SpecError(
            f"keeps its name, and the new layer is called {layer.name!r}",
            where=path,
            hint="leave out its name",
        )
    return _replaced(graph, path.split("."), layer, path)


def paths(graph: Graph, prefix: str = "") -> Iterator[str]:
    """The dotted paths of all nodes, blocks and what is in them."""
    for node in graph.nodes:
        yield prefix + node.name
        if isinstance(node.layer, Block):
            yield from paths(node.layer.graph, f"{prefix}{node.name}.")


def _replaced(graph: Graph, parts: Sequence[str], layer: Layer, path: str) -> Graph:
    name, *inner = parts
    (node,) = (node for node in graph.nodes if node.name == name)
    if node.shares is not None:
        raise SpecError(
            f"{name!r} is another call of {node.shares!r}",
            where=path,
            hint=f"replace in {node.shares!r}, which changes both",
        )
    if inner:
        block = node.layer
        assert isinstance(block, Block)
        body = _replaced(block.graph, inner, layer, path)
        new: Layer = Block(graph=body, kind=block.kind, name=block.name)
    else:
        check_arity(layer, len(node.inputs), f"{path} ({layer.type})")
        new = replace_name(layer, name)
    nodes = (
        replace(other, layer=new) if name in (other.name, other.shares) else other
        for other in graph.nodes
    )
    return replace(graph, nodes=tuple(nodes))


def resolved(graph: Graph, defaults: Mapping[str, Mapping[str, Any]]) -> Graph:
    """The graph with no field of a layer UNSET: ``defaults[type][field]``, else aligned.
    What is shared stays shared."""
    made: dict[int, Layer] = {}

    def of(layer: Layer) -> Layer:
        if id(layer) not in made:
            made[id(layer)] = (
                Block(
                    graph=resolved(layer.graph, defaults),
                    kind=layer.kind,
                    name=layer.name,
                )
                if isinstance(layer, Block)
                else layer.resolve(defaults)
            )
        return made[id(layer)]

    return replace(
        graph, nodes=tuple(replace(node, layer=of(node.layer)) for node in graph.nodes)
    )
