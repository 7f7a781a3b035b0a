"""Random graphs, some of whose layers have names, and some none."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

import polyframe as pf
from polyframe.spec.graph import NUMBERED

SHAPE = (2, 4, 4)
GIVEN = [
    *("conv1", "conv2", "relu1", "relu1_2", "relu1_3", "add1", "block1", "block1_2"),
    *("x", "input1", "a", "a_2", "b"),
]
"""Names that clash with those that unnamed layers get, and others."""
KINDS = {
    "Conv2D": lambda name: pf.Conv2D(2, 1, name=name),
    "ReLU": lambda name: pf.ReLU(name=name),
    "Sigmoid": lambda name: pf.Sigmoid(name=name),
    "MaxPool2D": lambda name: pf.MaxPool2D(1, name=name),
    "AvgPool2D": lambda name: pf.AvgPool2D(1, name=name),
    "Add": lambda name: pf.Add(name=name),
}

Unnamed = list[tuple[bool, Any]]
"""For each call: whether nothing named it, and the same of what is inside a block."""


@st.composite
def graphs(draw: Any, depth: int = 0) -> tuple[list[Any], list[Any], Unnamed]:
    """Inputs, outputs, and which of the calls between them are unnamed."""
    shape = None if depth else SHAPE
    free = draw(st.permutations(GIVEN))

    def name_or_none() -> str | None:
        return free.pop() if draw(st.integers(0, 3)) == 0 else None

    count = draw(st.integers(1, 2))
    inputs = [pf.Input(shape, name=name_or_none()) for _ in range(count)]
    values, unnamed, used, read = list(inputs), [], [], set()
    for _ in range(draw(st.integers(1, 6))):
        inner: Any = None
        if used and draw(st.integers(0, 3)) == 0:
            layer, inner = draw(st.sampled_from(used))  # a further call
            named = False
        else:
            name = name_or_none()
            if depth < 2 and draw(st.integers(0, 3)) == 0:
                ins, outs, inner = draw(graphs(depth + 1))
                kind = draw(st.sampled_from([NUMBERED, "Other"]))
                layer = pf.Block(ins, outs, kind=kind, name=name)
            else:
                layer = KINDS[draw(st.sampled_from(sorted(KINDS)))](name)
            named = name is not None
            used.append((layer, inner))
        wanted = 2 if isinstance(layer, pf.Add) else 1
        if isinstance(layer, pf.Block):
            wanted = len(layer.graph.inputs)
        sources = [draw(st.sampled_from(values[-3:])) for _ in range(wanted)]
        read.update(map(id, sources))
        values.append(layer(*sources))
        unnamed.append((not named, inner))
    ends = [v for v in values if id(v) not in read]
    if depth and len(ends) > 1:
        ends = [pf.Add()(*ends)]
        unnamed.append((True, None))
    return inputs, ends, unnamed
