"""Specs: building, naming, shapes, texts and hashes."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import polyframe as pf
from polyframe.spec.element import Element
from polyframe.spec.initializers import Initializer
from polyframe.spec.interpreter import interpret
from polyframe.spec.layers import Layer
from polyframe.spec.typed import flatten

PLAIN = [layer for layer in Layer.registry.values() if layer.word != "Block"]
EXAMPLES = [
    pytest.param(layer, fields, shapes, id=f"{layer.word}-{index}")
    for layer in PLAIN
    for index, (fields, shapes) in enumerate(layer.examples)
]


def names(spec: pf.ModelSpec) -> list[str]:
    return [node.name for node in spec.graph.nodes]


# --- building --------------------------------------------------------------------


def test_a_chain_is_named_by_kind_and_count() -> None:
    layers = [
        pf.Conv2D(2, 3),
        pf.ReLU(),
        pf.Conv2D(2, 3),
        pf.ReLU(name="relu1"),
        pf.Flatten(),
        pf.ReLU(),
        pf.Dense(3),
    ]
    spec = pf.Sequential(layers, input_shape=(1, 8, 8), name="chain")
    assert names(spec) == [
        "conv1",
        "relu2",
        "conv2",
        "relu1",
        "flatten1",
        "relu3",
        "fc1",
    ]
    assert spec.name == "chain"
    assert spec.graph.inputs == (("x", (1, 8, 8)),)
    assert spec.graph.outputs == ("fc1",)
    assert spec.graph.nodes[1].inputs == ("conv1",)
    assert spec.graph.nodes[0].layer.name == "conv1"
    assert layers[0].name is None  # the user's objects are not changed


def test_a_graph_holds_what_its_outputs_need_in_the_order_of_calls() -> None:
    a, b = pf.Input((2, 4, 4)), pf.Input((2, 4, 4))
    left = pf.Conv2D(2, 1)(a)
    pf.ReLU(name="lost")(left)
    right = pf.Conv2D(2, 1)(b)
    total = pf.Add()([right, left])
    spec = pf.ModelSpec([a, b], [total, left])
    assert names(spec) == ["conv1", "conv2", "add1"]
    assert [name for name, _ in spec.graph.inputs] == ["input1", "input2"]
    assert spec.graph.nodes[2].inputs == ("conv2", "conv1")
    assert spec.graph.outputs == ("add1", "conv1")
    assert spec.infer().output_shapes == ((2, 4, 4), (2, 4, 4))


def test_a_layer_that_is_called_again_shares_its_weights() -> None:
    x = pf.Input((3,))
    dense = pf.Dense(3, name="dense")
    y = dense(dense(dense(x)))
    taken = pf.ReLU(name="dense_2")(y)
    spec = pf.ModelSpec(x, taken)
    assert names(spec) == ["dense", "dense_3", "dense_4", "dense_2"]
    assert [node.shares for node in spec.graph.nodes] == [None, "dense", "dense", None]
    assert spec.num_parameters == 12
    assert list(spec.infer().parameters) == ["dense.weight", "dense.bias"]


def test_blocks_nest_and_their_paths_are_dotted() -> None:
    x = pf.Input(name="x")
    inner = pf.Sequential([pf.Dense(3), pf.ReLU()], name="inner")
    outer = pf.Block(x, pf.Add()(inner(x), x), kind="Outer", name="outer")
    model_input = pf.Input((3,))
    spec = pf.ModelSpec(model_input, pf.ReLU()(outer(outer(model_input))))
    graph = spec.infer()
    assert list(graph.parameters) == ["outer.inner.0.weight", "outer.inner.0.bias"]
    assert [node.path for node in graph.walk()][:3] == [
        "outer.inner.0",
        "outer.inner.1",
        "outer.add1",
    ]
    flat = flatten(graph)
    assert [node.name for node in flat.nodes] == [
        "outer.inner.0",
        "outer.inner.1",
        "outer.add1",
        "outer_2.inner.0",
        "outer_2.inner.1",
        "outer_2.add1",
        "relu1",
    ]
    assert flat.nodes[3].owner == "outer.inner.0"
    assert flat.nodes[3].inputs == ("outer.add1",)


def test_a_block_may_take_several_inputs() -> None:
    a, b = pf.Input(name="a"), pf.Input(name="b")
    block = pf.Block([a, b], pf.Concat()(a, pf.ReLU()(b)), kind="Join", name="join")
    x, y = pf.Input((2,), name="x"), pf.Input((3,), name="y")
    spec = pf.ModelSpec([x, y], block(x, y))
    assert spec.infer().output_shapes == ((5,),)
    values, _ = interpret(spec.infer(), {}, [np.ones((1, 2)), -np.ones((1, 3))])
    assert values["join.concat1"].tolist() == [[1, 1, 0, 0, 0]]


# --- shapes ----------------------------------------------------------------------


@pytest.mark.parametrize(("layer", "fields", "shapes"), EXAMPLES)
def test_examples_have_the_shape_of_their_definition(
    layer: type[Layer], fields: dict[str, Any], shapes: Any
) -> None:
    inputs = [pf.Input(shape, name=f"i{k}") for k, shape in enumerate(shapes)]
    spec = pf.ModelSpec(inputs, layer(**fields, name="it")(*inputs))
    graph, rng = spec.infer(), np.random.default_rng(0)
    weights = {
        name: rng.uniform(0.5, 1, p.shape) for name, p in graph.parameters.items()
    }
    arrays = [rng.normal(size=(2, *shape)) for shape in shapes]
    values, state = interpret(graph, weights, arrays, training=True)
    assert values["it"].shape[1:] == graph.output_shapes[0]
    assert values["it"].dtype == np.float64
    wanted = {name for name, p in graph.parameters.items() if not p.trainable}
    assert set(state) == wanted
    assert all(state[name].shape == graph.parameters[name].shape for name in state)
    assert pf.load_spec(spec.to_yaml()).hash == spec.hash


@pytest.mark.parametrize(
    ("layer", "wanted"),
    [
        (pf.Conv2D(4, 3), (4, 7, 9)),
        (pf.Conv2D(4, (3, 5), stride=2, padding=1), (4, 5, 5)),
        (pf.Conv2D(4, 3, stride=2, padding="same"), (4, 5, 6)),
        (pf.Conv2D(4, 4, padding="SAME"), (4, 9, 11)),
        (pf.Conv2D(4, 3, dilation=3, padding="valid"), (4, 3, 5)),
        (pf.Conv2D(4, 2, padding=((0, 1), (2, 3))), (4, 9, 15)),
        (pf.MaxPool2D(2), (2, 4, 5)),
        (pf.MaxPool2D(3, stride=2, padding=1), (2, 5, 6)),
        (pf.AvgPool2D(2, padding="same"), (2, 5, 6)),
        (pf.GlobalAvgPool2D(), (2,)),
        (pf.Flatten(), (198,)),
        (pf.BatchNorm(), (2, 9, 11)),
    ],
    ids=lambda value: str(value) if isinstance(value, tuple) else None,
)
def test_shapes(layer: Layer, wanted: tuple[int, ...]) -> None:
    assert layer.infer((2, 9, 11)) == wanted


def test_numbers_of_parameters() -> None:
    assert pf.zoo.simple_cnn().num_parameters == 315_722
    assert (
        pf.zoo.digits_cnn().num_parameters
        == 9 * 16 + 16 + 144 * 32 + 32 + 128 * 10 + 10
    )
    norm = pf.Sequential([pf.BatchNorm()], (5,))
    assert norm.num_parameters == 10  # running statistics are state
    assert len(norm.infer().parameters) == 4
    for name in pf.zoo.list():
        spec = getattr(pf.zoo, name)(num_classes=7)
        assert spec.infer().output_shapes[0][0] == 7


# --- UNSET -----------------------------------------------------------------------


def test_unset_is_kept_in_text_and_hash_and_resolved_by_infer() -> None:
    free = pf.Sequential([pf.BatchNorm(name="bn")], (3,))
    fixed = pf.Sequential([pf.BatchNorm(eps=1e-5, momentum=0.1, name="bn")], (3,))
    assert free.graph.nodes[0].layer.eps is pf.UNSET
    assert "eps" not in free.to_yaml()
    assert "eps: 1.0e-05" in fixed.to_yaml()
    assert free.hash != fixed.hash
    assert pf.load_spec(fixed.to_yaml()).hash == fixed.hash
    again = pf.load_spec(free.to_yaml())
    assert again.graph.nodes[0].layer.eps is pf.UNSET
    own = {"BatchNorm": {"eps": 1e-3, "unbiased": False}}
    layers = [spec.infer(d).nodes[0].layer for spec in (free, fixed) for d in ({}, own)]
    assert [layer.eps for layer in layers] == [1e-5, 1e-3, 1e-5, 1e-5]
    assert [layer.unbiased for layer in layers] == [True, False, True, False]
    assert [layer.momentum for layer in layers] == [0.1] * 4
    glorot = {"Dense": {"weight_init": pf.GlorotUniform()}}
    dense = pf.Sequential([pf.Dense(2, name="fc")], (3,))
    assert dense.infer(glorot).parameters["fc.weight"].init == pf.GlorotUniform()
    assert dense.infer().parameters["fc.weight"].init == pf.TorchDefault()


def test_unset_is_one_object() -> None:
    assert repr(pf.UNSET) == "UNSET"
    for again in (pickle.loads(pickle.dumps(pf.UNSET)), copy.deepcopy(pf.UNSET)):
        assert again is pf.UNSET


# --- texts and hashes ------------------------------------------------------------


def test_the_hash_of_a_shipped_model_does_not_change() -> None:
    """A change here breaks every run folder: raise the format's version."""
    wanted = "e61279c379316d88a8ed11e99fd705f7759a8fd96f77f334f98064cf98f2df38"
    assert pf.zoo.simple_cnn().hash == wanted


@pytest.mark.parametrize("name", pf.zoo.list())
def test_shipped_models_round_trip(name: str) -> None:
    spec = getattr(pf.zoo, name)()
    for text in (spec.to_yaml(), spec.to_json()):
        assert pf.load_spec(text) == spec
    assert pf.load_spec(spec.to_data()) == spec
    assert pf.load_spec(name) == spec
    assert pf.load_spec(spec) is spec
    assert max(map(len, spec.to_yaml().splitlines())) <= 120


def test_equal_specs_have_equal_hashes_however_they_are_written() -> None:
    def make(**fields: Any) -> str:
        return pf.Sequential([pf.Conv2D(4, **fields)], (1, 6, 6)).hash

    first = make(kernel_size=3)
    for fields in (
        {"kernel_size": (3, 3), "stride": 1},
        {"kernel_size": [3, 3], "padding": 0, "bias": True},
        {"kernel_size": np.int64(3), "padding": "valid", "dilation": (1, 1)},
        {"kernel_size": 3, "padding": ((0, 0), (0, 0)), "name": "conv1"},
    ):
        assert make(**fields) == first
    for fields in ({"stride": 2}, {"bias": False}, {"weight_init": "torch_default"}):
        assert make(kernel_size=3, **fields) != first


def test_layers_may_stand_in_any_order() -> None:
    text = """
    inputs: {x: [2, 4, 4]}
    layers:
    - {name: sum, type: Add, from: [b, a]}
    - {name: b, type: ReLU, from: a}
    - {name: a, type: Conv2D, out_channels: 2, kernel_size: 1, from: x}
    outputs: sum
    """
    spec = pf.load_spec(text)
    assert names(spec) == ["a", "b", "sum"]
    assert spec.name == "model"
    unnamed = pf.load_spec("inputs: {i: [3]}\nlayers: [{type: ReLU}, {type: Softmax}]")
    assert names(unnamed) == ["relu1", "softmax1"]


def test_what_a_source_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spec, other = pf.zoo.digits_cnn(), pf.zoo.simple_cnn()
    Path("net.yaml").write_text(spec.to_yaml())
    Path("net.YML").write_text(spec.to_yaml())
    Path("net.json").write_text(spec.to_json())
    Path("plain").write_text(spec.to_yaml())
    Path("simple_cnn").write_text(spec.to_yaml())
    for source in ("net.yaml", "net.YML", "net.json", str(tmp_path / "net.yaml")):
        assert pf.load_spec(source) == spec
        assert pf.load_spec(Path(source)) == spec
    assert pf.load_spec(Path("plain")) == spec
    assert pf.load_spec(Path("simple_cnn")) == spec
    assert pf.load_spec("simple_cnn") == other  # a name, though there is a file
    assert pf.load_spec(spec.to_yaml() + "# net.yaml") == spec  # it has lines
    assert pf.load_spec(json.dumps(spec.to_data())) == spec  # one line of JSON
    with pytest.raises(pf.SpecError, match="there is no shipped model 'plain'"):
        pf.load_spec("plain")


def test_text_gives_a_shipped_model_its_arguments() -> None:
    text = "{type: small_unet, num_classes: 4, input_shape: [3, 16, 16], width: 0.5}"
    spec = pf.zoo.small_unet(4, (3, 16, 16), 0.5)
    assert pf.load_spec(text) == spec
    assert pf.load_spec({"type": "digits_cnn"}) == pf.zoo.digits_cnn()
    wide = pf.load_spec({"type": "residual_cnn", "width": 8})  # a number of channels
    assert wide == pf.zoo.residual_cnn(width=8)
    for name in pf.zoo.list():
        assert pf.load_spec({"type": name, "num_classes": 7}).name == name


def test_numbers_in_yaml_are_numbers() -> None:
    text = "inputs: {x: [3]}\nlayers: [{type: BatchNorm, eps: %s, momentum: 1}]"
    for number in ("1e-3", "1.0e-3", "0.001", "1E-03"):
        layer = pf.load_spec(text % number).graph.nodes[0].layer
        assert layer.eps == 1e-3
        assert layer.momentum == 1.0
        assert isinstance(layer.momentum, float)


# --- frozen ----------------------------------------------------------------------


def test_everything_is_frozen_hashable_and_can_be_copied() -> None:
    spec = pf.zoo.residual_cnn()
    graph = spec.infer()
    for thing, field in (
        (spec, "name"),
        (spec.graph, "nodes"),
        (spec.graph.nodes[0], "layer"),
        (spec.graph.nodes[0].layer, "out_channels"),
        (graph, "nodes"),
        (pf.Adam(), "lr"),
    ):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, field, 1)
    assert hash(spec) == hash(pf.zoo.residual_cnn())
    assert spec == pf.zoo.residual_cnn()
    assert len({pf.ReLU(), pf.ReLU(), pf.ReLU(name="a"), pf.Dense(1)}) == 3
    for again in (pickle.loads(pickle.dumps(spec)), copy.deepcopy(spec)):
        assert again == spec
        assert again.hash == spec.hash


def test_names_of_elements_are_found_whatever_their_case() -> None:
    for word, kind in Initializer.registry.items():
        assert Initializer.parse(word.upper()) == kind()
        assert Initializer.parse(kind()) == kind()
        assert Initializer.parse({"type": word.replace("_", "")}) == kind()
    assert all(issubclass(layer, Element) for layer in PLAIN)


def test_an_input_that_nothing_reads_is_refused():
    x, y = pf.Input((3,), name="x"), pf.Input((2,), name="y")
    with pytest.raises(pf.SpecError, match="input 'y': is read by no layer"):
        pf.ModelSpec([x, y], pf.Dense(2)(x))
