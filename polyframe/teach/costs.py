"""What each layer of one training step costs, by the spec alone: shapes, memory and
multiply-adds, forward and backward. No framework is needed for that.

**Multiply-adds** are those of convolutions, dense layers and whatever else multiplies by
weights or windows; elementwise work counts 0, as in ``summary``. Where the forward pass of
a layer takes M, its backward pass takes M for the gradient of its input, unless nothing
before it is trained, and M for the gradient of its weights if it has any.

**Memory**: all outputs of a step (the activations, which the backward pass reads), weights
with running statistics, gradients, and the optimizer's arrays. Frameworks need less for
activations where they compute in place, and more for the working memory of kernels.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from polyframe.spec.graph import Block
from polyframe.spec.layers.base import Shape
from polyframe.spec.optimizers import Optimizer
from polyframe.spec.typed import TypedGraph, TypedNode, flatten

FLAT = 1
"""The depth at which each block is one row."""


@dataclass(frozen=True)
class Cost:
    """The cost of some layers: numbers (elements) and multiply-adds, of one sample where
    they depend on it.

    - ``outputs``: numbers in the outputs of a sample;
    - ``parameters``: numbers of weights; ``trained``: of those that are not frozen;
    - ``state``: running statistics;
    - ``forward``, ``backward``: multiply-adds of a sample.
    """

    outputs: int = 0
    parameters: int = 0
    trained: int = 0
    state: int = 0
    forward: int = 0
    backward: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.outputs + other.outputs,
            self.parameters + other.parameters,
            self.trained + other.trained,
            self.state + other.state,
            self.forward + other.forward,
            self.backward + other.backward,
        )


@dataclass(frozen=True)
class Row:
    """A row of the table: a layer, a folded block, or the head of an opened one.

    ``leaves`` are the paths of the layers that it stands for, none for a head; ``level``
    counts the opened blocks around it.
    """

    path: str
    kind: str
    shape: Shape
    level: int
    leaves: tuple[str, ...]


class Memory(NamedTuple):
    """Bytes that one training step holds."""

    activations: int
    weights: int
    gradients: int
    optimizer: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self)


def trains(node: TypedNode, frozen: Collection[str] = ()) -> bool:
    """Whether a node has weights that are trained."""
    weights = any(p.trainable for p in node.parameters.values())
    return weights and node.owner not in frozen


def trained_before(flat: TypedGraph, frozen: Collection[str] = ()) -> dict[str, bool]:
    """Path → whether the gradient of the node's input is needed: whether a weight that is
    trained lies before it. ``frozen``: the layers that are not trained."""
    trained = dict.fromkeys((name for name, _ in flat.inputs), False)
    before = {}
    for node in flat.nodes:
        before[node.name] = any(trained[name] for name in node.inputs)
        trained[node.name] = trains(node, frozen) or before[node.name]
    return before


def costs_of(graph: TypedGraph, frozen: Collection[str] = ()) -> dict[str, Cost]:
    """The cost of each layer by its path, in the order in which they run. The weights of
    a shared layer count once, at its first call. ``frozen``: the layers that are not
    trained, which have no gradients of their weights."""
    flat, seen = flatten(graph), set()
    before = trained_before(flat, frozen)
    costs = {}
    for node in flat.nodes:
        first = node.owner not in seen
        seen.add(node.owner)
        counts = {True: 0, False: 0}
        for parameter in node.parameters.values():
            counts[parameter.trainable] += math.prod(parameter.shape)
        forward, own = node.layer.multiply_adds(*node.in_shapes), trains(node, frozen)
        costs[node.name] = Cost(
            math.prod(node.shape),
            counts[True] * first,
            counts[True] * first * own,
            counts[False] * first,
            forward,
            forward * (before[node.name] + own),
        )
    return costs


def rows_of(graph: TypedGraph, depth: int = FLAT) -> list[Row]:
    """The rows of a table in which ``depth`` levels of blocks are shown."""
    return list(_rows(graph, "", depth, 1))


def _rows(graph: TypedGraph, prefix: str, depth: int, level: int) -> Iterator[Row]:
    for node in graph.nodes:
        path, kind = prefix + node.name, kind_of(node)
        if node.body is None or level >= depth:
            yield Row(path, kind, node.shape, level - 1, tuple(leaves(node, path)))
        else:
            yield Row(path, f"{kind}:", node.shape, level - 1, ())
            yield from _rows(node.body, f"{path}.", depth, level + 1)


def leaves(node: TypedNode, path: str) -> Iterator[str]:
    """The paths of the layers in a node."""
    if node.body is None:
        yield path
    else:
        for inner in node.body.nodes:
            yield from leaves(inner, f"{path}.{inner.name}")


def kind_of(node: TypedNode) -> str:
    """A layer's type, or a block's kind."""
    return node.layer.kind if isinstance(node.layer, Block) else node.layer.type


def total(costs: Mapping[str, Cost], paths: Iterable[str] | None = None) -> Cost:
    """The sum of the costs of some layers, or of all."""
    chosen = costs if paths is None else paths
    return sum((costs[path] for path in chosen), Cost())


def memory_of(
    cost: Cost, batch_size: int, dtype: str, optimizer: Optimizer | None = None
) -> Memory:
    """The bytes of some layers in one training step; without an optimizer, without its
    arrays."""
    size = np.dtype(dtype).itemsize
    arrays = 0
    if optimizer is not None:
        arrays = len(optimizer.resolve({}).start(np.zeros(1)))
    return Memory(
        cost.outputs * batch_size * size,
        (cost.parameters + cost.state) * size,
        cost.trained * size,
        arrays * cost.trained * size,
    )
