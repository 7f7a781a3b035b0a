"""Whole random graphs: towers of random layers, with branches, shared layers, several
inputs, odd sizes."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from helpers.draws import values
from hypothesis import strategies as st

import polyframe as pf
from polyframe.conformance.losses import cases
from polyframe.spec.fields import UNSET
from polyframe.spec.layers import Layer

LAYERS = [layer for word, layer in sorted(Layer.registry.items()) if word != "Block"]
ENDS = list(dict.fromkeys((case.loss, case.shape) for case in cases((1,))))
LARGEST = 600  # numbers of a node, for each sample
ATTEMPTS = 14


@dataclass(repr=False)
class Tower:
    """One random graph: inputs, all its nodes in order, and what is trained on."""

    number: int
    inputs: list[Any]
    nodes: list[Any]
    words: list[str]
    loss: Any
    size: int

    def __repr__(self) -> str:
        return f"Tower {self.number}: {', '.join(self.words)}"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))  # Hypothesis would print every tensor

    def end(self, node: Any = None) -> Any:
        """The output: numbers for the loss, out of the last node (or another)."""
        node = self.nodes[-1] if node is None else node
        name = f"t{self.number}end"
        rank = len(shape_of(self.inputs, node))
        flat = node if rank == 1 else pf.Flatten(name=f"{name}flat")(node)
        return pf.Dense(self.size, name=name)(flat)

    def spec(self, node: Any = None) -> pf.ModelSpec:
        """The tower alone, up to a node."""
        return together([self], [node])


def together(towers: list[Tower], nodes: Any = None) -> pf.ModelSpec:
    """Towers side by side in one spec: one program to compile."""
    ends = [t.end(n) for t, n in zip(towers, nodes or [None] * len(towers))]
    inputs = [i for t in towers for i in t.inputs]
    read = reached(ends)
    return pf.ModelSpec([i for i in inputs if i.name in read], ends, name="towers")


def shape_of(inputs: list[Any], node: Any) -> tuple[int, ...]:
    """The shape of a tensor; SpecError if it has none."""
    shapes = pf.ModelSpec(inputs, [node, *inputs]).infer().output_shapes
    return tuple(shapes[0])


def reached(ends: list[Any]) -> set[str]:
    """The names of the inputs that some tensors come from."""
    from polyframe.spec.graph import reach

    return {tensor.name for tensor in reach(ends) if getattr(tensor, "name", None)}


@st.composite
def towers(draw: Any, number: int) -> Tower:
    """One tower. A stem with weights is in front of everything, so that all gradients
    show in a parameter; a layer that does not fit is left out."""
    several = draw(st.integers(0, 3)) == 0
    inputs, nodes, words, used = [], [], [], []
    for index in range(2 if several else 1):
        shape = (
            draw(st.sampled_from((1, 2, 3, 4))),
            draw(st.integers(3, 9)),
            draw(st.integers(3, 9)),
        )
        x = pf.Input(shape, name=f"t{number}in{index}")
        inputs.append(x)
        stem = pf.Conv2D(draw(st.sampled_from((1, 2, 4))), draw(st.integers(1, 2)))
        nodes.append(stem(x))
    for _ in range(draw(st.integers(3, ATTEMPTS))):
        if used and draw(st.integers(0, 7)) == 0:
            layer = draw(st.sampled_from(used))  # called once more: shared weights
        else:
            kind = draw(st.sampled_from(LAYERS))
            try:
                layer = kind(**draw(options(kind)))
            except pf.SpecError:
                continue
        least, most = layer.arity
        count = draw(st.integers(least, min(most or least + 1, least + 1)))
        recent = nodes[-3:]
        given = [nodes[-1], *(draw(st.sampled_from(recent)) for _ in range(count - 1))]
        try:
            tensor = layer(*given)
            shape = shape_of(inputs, tensor)
        except pf.SpecError:
            continue
        if math.prod(shape) > LARGEST:
            continue
        nodes.append(tensor)
        used.append(layer)
        words.append(layer.type)
    if several and draw(st.booleans()):
        ends = (nodes[0], nodes[-1])
        flat = [pf.Flatten()(n) if len(shape_of(inputs, n)) > 1 else n for n in ends]
        nodes.append(pf.Concat()(*flat))
        words.append("Concat")
    loss, (size, *_) = draw(st.sampled_from(ENDS))
    return Tower(number, inputs, nodes, words, loss, size)


@st.composite
def options(draw: Any, layer: Any) -> dict[str, Any]:
    """An example's fields, or each left alone or drawn from its kind."""
    if draw(st.integers(0, 2)) == 0 and layer.examples:
        return dict(draw(st.sampled_from([fields for fields, _ in layer.examples])))
    drawn = {}
    for f in dataclasses.fields(layer):
        if "kind" not in f.metadata:
            continue
        if f.default is dataclasses.MISSING or draw(st.integers(0, 2)) == 0:
            value = draw(values(f.metadata["kind"].of(layer)))
            if value is not UNSET:
                drawn[f.name] = value
    return drawn
