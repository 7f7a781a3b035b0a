"""The typed graph: a spec with every shape inferred and every default resolved.

It is what passes rewrite, what backends write down, and what NumPy interprets. A block
keeps its graph as ``body``; paths are dotted from the top.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from polyframe.errors import SpecError
from polyframe.spec.graph import Block, Graph
from polyframe.spec.layers.base import Layer, Parameter, Shape

Defaults = Mapping[str, Mapping[str, Any]]
"""Layer type → field → what UNSET resolves to."""
LARGEST_TENSOR = 2**31
"""The most elements that one weight, or one sample of one tensor, may have."""
LARGEST_GRAPH = 100_000
"""How many layers may be called, blocks opened (sharing could multiply them)."""
DEEPEST = 32
"""How deep blocks may nest."""


@dataclass(frozen=True)
class TypedNode:
    """One call of a layer, with shapes (per sample) and parameters.

    ``owner`` is the path of the layer that is called; it differs from ``path`` where a
    layer is shared. ``note`` is a rewrite's comment for the emitted source; ``folded``
    are the layers after it that a rewrite has put into its weights. ``fixed``: training
    normalises by its running statistics, as inference does, and leaves them.
    """

    name: str
    path: str
    owner: str
    layer: Layer
    inputs: tuple[str, ...]
    in_shapes: tuple[Shape, ...]
    shape: Shape
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    body: TypedGraph | None = None
    note: str | None = None
    folded: tuple[TypedNode, ...] = ()
    fixed: bool = False

    @property
    def shared(self) -> bool:
        """Whether another node made the layer."""
        return self.owner != self.path

    @property
    def owner_name(self) -> str:
        """The owner's name inside this graph."""
        return self.owner[len(self.path) - len(self.name) :]


@dataclass(frozen=True)
class TypedGraph:
    """Inputs with shapes, nodes in an order in which they can run, outputs."""

    name: str
    inputs: tuple[tuple[str, Shape], ...]
    nodes: tuple[TypedNode, ...]
    outputs: tuple[str, ...]

    def walk(self) -> Iterator[TypedNode]:
        """Every leaf, block by block, in the order in which they run."""
        for node in self.nodes:
            if node.body is None:
                yield node
            else:
                yield from node.body.walk()

    @property
    def parameters(self) -> dict[str, Parameter]:
        """``<layer>.<param>`` → parameter, in order, shared ones once."""
        parameters: dict[str, Parameter] = {}
        for node in self.walk():
            for name, parameter in node.parameters.items():
                parameters.setdefault(f"{node.owner}.{name}", parameter)
        return parameters

    @property
    def num_parameters(self) -> int:
        """How many trainable numbers there are."""
        return sum(math.prod(p.shape) for p in self.parameters.values() if p.trainable)

    def shapes(self) -> dict[str, Shape]:
        """Name → shape, for every input and node of this graph (blocks not opened)."""
        return dict(self.inputs) | {node.name: node.shape for node in self.nodes}

    @property
    def input_shapes(self) -> tuple[Shape, ...]:
        """The shapes of the inputs, per sample."""
        return tuple(shape for _, shape in self.inputs)

    @property
    def output_shapes(self) -> tuple[Shape, ...]:
        """The shapes of the outputs, per sample."""
        shapes = self.shapes()
        return tuple(shapes[name] for name in self.outputs)

    def users(self) -> dict[str, list[TypedNode]]:
        """Name → the nodes that read it."""
        readers: dict[str, list[TypedNode]] = {}
        for node in self.nodes:
            for name in node.inputs:
                readers.setdefault(name, []).append(node)
        return readers


def infer(name: str, graph: Graph, defaults: Defaults) -> TypedGraph:
    """Resolve UNSET fields (``defaults[layer type][field]``, else the aligned value)
    and infer every shape; SpecError names the node where they do not meet."""
    shapes = tuple(shape for _, shape in graph.inputs if shape is not None)
    seen = Seen({}, itertools.count(1))
    return _graph(name, "", graph, shapes, defaults, 0, seen)


class Seen(NamedTuple):
    """What inference has met so far: parameters by owner, and calls of layers."""

    parameters: dict[str, dict[str, Parameter]]
    calls: Iterator[int]


def _graph(
    name: str,
    prefix: str,
    graph: Graph,
    shapes: tuple[Shape, ...],
    defaults: Defaults,
    depth: int,
    seen: Seen,
) -> TypedGraph:
    if depth > DEEPEST:
        raise SpecError(f"blocks nest more than {DEEPEST} deep", where=prefix[:-1])
    if len(shapes) != len(graph.inputs):
        raise SpecError(
            f"takes {len(graph.inputs)} inputs, got {len(shapes)}", where=prefix[:-1]
        )
    known = {name: shape for (name, _), shape in zip(graph.inputs, shapes, strict=True)}
    nodes = []
    for node in graph.nodes:
        path = prefix + node.name
        if next(seen.calls) > LARGEST_GRAPH:
            raise SpecError(f"more than {LARGEST_GRAPH} layers are called", where=path)
        owner = prefix + (node.shares or node.name)
        layer = node.layer.resolve(defaults)
        given = tuple(known[source] for source in node.inputs)
        body, parameters = None, {}
        if isinstance(layer, Block):
            body = _graph(
                layer.kind, owner + ".", layer.graph, given, defaults, depth + 1, seen
            )
            shape = body.output_shapes[0]
        else:
            try:
                shape = layer.infer(*given)
                parameters = layer.parameters(*given)
            except SpecError as error:
                where = f"{path} ({layer.type})"
                raise SpecError(error.message, where=where, hint=error.hint) from None
            check_sizes(path, shape, parameters)
            check_shared(path, owner, parameters, seen.parameters)
        known[node.name] = shape
        nodes.append(
            TypedNode(
                node.name,
                path,
                owner,
                layer,
                node.inputs,
                given,
                shape,
                parameters,
                body,
            )
        )
    named = tuple((name, known[name]) for name, _ in graph.inputs)
    return TypedGraph(name, named, tuple(nodes), graph.outputs)


def check_sizes(path: str, shape: Shape, parameters: Mapping[str, Parameter]) -> None:
    """SpecError for tensors that no machine holds."""
    sizes = {"its output": shape} | {n: p.shape for n, p in parameters.items()}
    for what, size in sizes.items():
        if math.prod(size) > LARGEST_TENSOR:
            raise SpecError(
                f"{what} would have {math.prod(size):.3g} elements {size}, more than "
                f"{LARGEST_TENSOR:.3g}",
                where=path,
            )


def check_shared(
    path: str,
    owner: str,
    parameters: dict[str, Parameter],
    seen: dict[str, dict[str, Parameter]],
) -> None:
    """SpecError where a shared layer is called on shapes that need other weights."""
    first = seen.setdefault(owner, parameters)
    for name, parameter in parameters.items():
        if parameter.shape != first[name].shape:
            raise SpecError(
                f"shares {owner!r}, whose {name} is {first[name].shape}, but this "
                f"input needs {parameter.shape}",
                where=path,
            )


def flatten(graph: TypedGraph) -> TypedGraph:
    """The same graph without blocks; nodes are called by their dotted paths."""
    nodes: list[TypedNode] = []

    def add(graph: TypedGraph, prefix: str, sources: dict[str, str]) -> dict[str, str]:
        sources = dict(sources)
        for node in graph.nodes:
            inputs = tuple(sources[name] for name in node.inputs)
            path = prefix + node.name
            if node.body is None:
                nodes.append(replace(node, name=path, path=path, inputs=inputs))
                sources[node.name] = path
            else:
                names = (name for name, _ in node.body.inputs)
                inner = dict(zip(names, inputs, strict=True))
                inner = add(node.body, path + ".", inner)
                sources[node.name] = inner[node.body.outputs[0]]
        return sources

    paths = add(graph, "", {name: name for name, _ in graph.inputs})
    outputs = tuple(paths[name] for name in graph.outputs)
    return TypedGraph(graph.name, graph.inputs, tuple(nodes), outputs)


def with_fixed_statistics(graph: TypedGraph, layers: Collection[str]) -> TypedGraph:
    """The same graph, the running statistics of these layers (by owner) fixed."""

    def marked(node: TypedNode) -> TypedNode:
        if node.body is not None:
            return replace(node, body=with_fixed_statistics(node.body, layers))
        return replace(node, fixed=node.owner in layers)

    return replace(graph, nodes=tuple(map(marked, graph.nodes))) if layers else graph
