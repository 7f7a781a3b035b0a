"""Worked examples of rewrites: a small network before and after, and the distance of what
the two compute, by the definitions in NumPy."""

from __future__ import annotations

import numpy as np

from polyframe.compiler.passes import Pass, folded_weights, rewrite
from polyframe.spec.interpreter import interpret
from polyframe.spec.layers import (
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dropout,
    MaxPool2D,
    ReLU,
)
from polyframe.spec.layers.base import Layer
from polyframe.spec.model import Sequential
from polyframe.spec.sampling import initial_weights
from polyframe.spec.typed import TypedGraph
from polyframe.teach.explain.parts import Block, Table, Text, Values

SHAPE = (3, 6, 6)


def layers() -> dict[str, list[Layer]]:
    """Rewrite → a network in which it has something to do."""
    return {
        "pool_before_activation": [Conv2D(4, 3), ReLU(), MaxPool2D(2)],
        "average_before_pointwise": [Conv2D(4, 1), AvgPool2D(2)],
        "fold_affine": [Conv2D(4, 3), BatchNorm(), ReLU()],
        "drop_random": [Conv2D(4, 3), Dropout(0.5), ReLU()],
    }


def before_and_after(change: Pass) -> tuple[Block, ...]:
    """The layers of a network before and after one rewrite, and how far what they compute
    is apart."""
    chain = layers().get(change.__name__)
    if chain is None:
        return (Text("None."),)
    graph = Sequential(chain, input_shape=SHAPE, name="example").infer()
    after = rewrite(graph, (change,))
    weights = initial_weights(graph.parameters, 0, "float64")
    for name, value in weights.items():
        if name.endswith(("running_mean", "running_var")):
            weights[name] = value + 0.5
    x = np.random.default_rng(0).normal(size=(2, *SHAPE))
    first, _ = interpret(graph, weights, [x])
    second, _ = interpret(after, folded_weights(after, weights), [x])
    a, b = first[graph.outputs[0]], second[after.outputs[0]]
    distance = float(np.abs(a - b).max() / np.abs(a).max())
    notes = [node.note for node in after.nodes if node.note]
    return (
        Text(f"A network on an image {SHAPE}:"),
        Table(("before", "after"), tuple(zip(*columns(graph, after), strict=True))),
        *[Text(f"The comment in the program: {note}.") for note in notes],
        Text("The relative distance of the two outputs, in float64:"),
        Values((("distance", f"{distance:.1e}"),)),
    )


def columns(*graphs: TypedGraph) -> list[list[str]]:
    """The layers of graphs with their shapes, as columns of one length."""
    texts = [
        [f"{node.layer.type} → {node.shape}" for node in graph.nodes]
        for graph in graphs
    ]
    length = max(map(len, texts))
    return [text + [""] * (length - len(text)) for text in texts]
