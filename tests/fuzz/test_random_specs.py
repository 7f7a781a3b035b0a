"""Random graphs, drawn from the layers' examples and fields, survive text."""

from __future__ import annotations

import pickle
from typing import Any

from hypothesis import given, reject, settings
from hypothesis import strategies as st

import polyframe as pf
from polyframe.spec.graph import reach
from polyframe.spec.initializers import Initializer
from polyframe.spec.layers import Layer
from polyframe.spec.text import graph_data

PLAIN = [layer for layer in Layer.registry.values() if layer.word != "Block"]
CHOICES = [(layer, fields) for layer in PLAIN for fields, _ in layer.examples]
PADS = st.integers(0, 3)
FIELDS = st.fixed_dictionaries(
    {
        "out_channels": st.integers(1, 6),
        "kernel_size": st.one_of(
            st.integers(1, 3), st.tuples(*[st.integers(1, 3)] * 2)
        ),
    },
    optional={
        "padding": st.one_of(
            PADS,
            st.tuples(PADS, PADS),
            st.just("same"),
            st.tuples(st.tuples(PADS, PADS), st.tuples(PADS, PADS)),
        ),
        "stride": st.integers(1, 2),
        "bias": st.booleans(),
        "weight_init": st.sampled_from(
            [*Initializer.registry, pf.Uniform(0.3), pf.Uniform(1e-9)]
        ),
    },
)
NAMES = st.sampled_from(
    ["null", "true", "yes", "e5", "x1", "type", "N", "conv1", "Block", "from"]
)


@st.composite
def graphs(draw: Any, depth: int = 0) -> tuple[list[Any], list[Any]]:
    """Inputs and outputs of a random graph; a layer that does not fit is left out."""
    shape = (draw(st.integers(1, 3)), 5, 6)
    inputs = [
        pf.Input(shape, name=name)
        for name in draw(st.lists(NAMES, min_size=1, max_size=2, unique=True))
    ]
    known, used = list(inputs), []
    for _ in range(draw(st.integers(1, 6))):
        layer = draw(layers(used, depth))
        least = 2 if layer.arity[0] == 2 else 1
        if isinstance(layer, pf.Block):
            least = len(layer.graph.inputs)
        sources = [draw(st.sampled_from(known)) for _ in range(least)]
        try:
            tensor = layer(*sources)
            pf.ModelSpec(inputs, [tensor, *inputs])
        except pf.SpecError:
            continue
        known.append(tensor)
        used.append(layer)
    outputs = draw(st.lists(st.sampled_from(known), min_size=1, max_size=3))
    return inputs, [pf.ReLU()(known[-1]), *outputs, *inputs]


@st.composite
def layers(draw: Any, used: list[Any], depth: int) -> Any:
    """A layer from the examples, one from random fields, a block, or a shared one."""
    kind = draw(st.integers(0, 4))
    if kind == 0 and used:
        return draw(st.sampled_from(used))
    if kind == 1 and depth < 2:
        inputs, outputs = draw(graphs(depth + 1))
        read = [i for i in inputs if i in reach(outputs[:1])]
        return pf.Block(read, outputs[0], kind=draw(NAMES))
    name = draw(st.one_of(st.none(), NAMES))
    if kind == 2:
        return pf.Conv2D(**draw(FIELDS), name=name)
    layer, fields = draw(st.sampled_from(CHOICES))
    return layer(**fields, name=name)


@settings(max_examples=80, deadline=None, derandomize=True, database=None)
@given(graphs(), NAMES)
def test_random_graphs_round_trip(ends: Any, name: str) -> None:
    inputs, outputs = ends
    try:
        spec = pf.ModelSpec(inputs, outputs, name=name)
    except pf.SpecError:  # layers that fit one by one can clash in name or weights
        reject()
    texts = [spec.to_yaml(), spec.to_json()]
    for text in texts:
        again = pf.load_spec(text)
        assert again.hash == spec.hash
        assert again.num_parameters == spec.num_parameters
        assert again.infer().output_shapes == spec.infer().output_shapes
        assert graph_data(again.graph) == graph_data(spec.graph)
        assert [again.to_yaml(), again.to_json()] == texts
    assert pickle.loads(pickle.dumps(spec)) == spec
