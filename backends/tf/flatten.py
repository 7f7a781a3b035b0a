"""Flatten as Keras means it, with the channels last, for native semantics.

Where all that reads a Flatten's output are dense layers, the order of its values is
their kernels' matter alone: the slot of each kernel brings its rows into Keras's order,
and the program says ``layers.Flatten()`` as Keras's users do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from polyframe.compiler.program import Slot
from polyframe.compiler.python.code import Code
from polyframe.compiler.python.source import call
from polyframe.compiler.table import Choice, Form, Target, View
from polyframe.spec.layers.activation import Activation
from polyframe.spec.layers.base import Shape
from polyframe.spec.semantics import rewrites
from polyframe.spec.typed import TypedGraph, TypedNode


class Flattening(NamedTuple):
    """A Flatten and the dense layers that read it."""

    flatten: TypedNode
    dense: tuple[TypedNode, ...]


def keras_order(graph: TypedGraph, choice: Choice, target: Target) -> Choice:
    """The forms with each Flatten that dense layers alone read in Keras's order; the
    same ones unless all semantics are native."""
    if rewrites(target.semantics):
        return choice
    nodes = dict(choice.nodes)
    calls = Counter(node.owner for node in graph.walk())
    for flatten, dense in flattenings(graph):
        if any(calls[node.owner] > 1 for node in (flatten, *dense)):
            continue
        nodes[flatten.path] = replace(nodes[flatten.path], write=plain)
        for node in dense:
            form = nodes[node.path]
            nodes[node.path] = permuted(form, flatten.in_shapes[0])
    return replace(choice, nodes=nodes)


def flattenings(graph: TypedGraph) -> Iterator[Flattening]:
    """Each Flatten of several axes, in blocks as well, that dense layers alone read."""
    users = graph.users()
    for node in graph.nodes:
        if node.body is not None:
            yield from flattenings(node.body)
        elif node.layer.type == "Flatten" and len(node.in_shapes[0]) > 1:
            dense = readers(node, graph, users)
            if dense:
                yield Flattening(node, tuple(dense))


def readers(
    node: TypedNode, graph: TypedGraph, users: dict[str, list[TypedNode]]
) -> list[TypedNode]:
    """The dense layers that read a node's output, also through layers that act on each
    value by itself; none if anything else reads it."""
    dense: list[TypedNode] = []
    if node.name in graph.outputs:
        return []
    for user in users.get(node.name, []):
        if user.layer.type == "Dense":
            dense.append(user)
            continue
        further = readers(user, graph, users) if each_by_itself(user) else []
        if not further:
            return []
        dense += further
    return dense


def each_by_itself(node: TypedNode) -> bool:
    """Whether a layer does the same to every value, wherever that stands; Keras's own
    dropout, with native semantics, does."""
    plain_activation = isinstance(node.layer, Activation) and not node.parameters
    return plain_activation or node.layer.type == "Dropout"


def plain(view: View) -> Code:
    """``layers.Flatten()``."""
    return Code(make=call("layers.Flatten"))


def permuted(form: Form, shape: Shape) -> Form:
    """The form of a dense layer, for inputs (C, H, W) that were flattened as (H, W, C)."""

    def write(view: View) -> Code:
        code: Code = form.write(view)
        size, count = view.layer.out_features, view.shape[0]
        slot = Slot(
            code.weights["weight"].path,
            shape=(size, *shape),
            perm=(*range(2, len(shape) + 1), 1, 0),
            canonical=(size, count),
            flat=(count, size),
        )
        return replace(code, weights={**code.weights, "weight": slot})

    return replace(form, write=write)
