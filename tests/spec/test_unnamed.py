"""Names of unnamed layers: text gives those that Python gives."""

from __future__ import annotations

import json
from typing import Any

import pytest
from helpers.named_graphs import Unnamed, graphs
from hypothesis import given, settings

import polyframe as pf
from polyframe.io.text import dump
from polyframe.spec.graph import NUMBERED


def strip(data: dict[str, Any], unnamed: Unnamed) -> dict[str, Any]:
    """The data of a graph without the names that nothing gave."""
    layers = []
    for item, (no_name, inner) in zip(data["layers"], unnamed, strict=True):
        item = {k: v for k, v in item.items() if k != "name" or not no_name}
        layers.append(strip(item, inner) if "layers" in item else item)
    return data | {"layers": layers}


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_text_gives_the_names_that_python_gives(drawn: Any) -> None:
    inputs, outputs, unnamed = drawn
    spec = pf.ModelSpec(inputs, outputs, name="drawn")
    data = strip(spec.to_data(), unnamed)
    for text in (json.dumps(data), dump(data)):
        again = pf.load_spec(text)
        assert again.hash == spec.hash
        assert again == spec
        assert again.to_yaml() == spec.to_yaml()
        assert list(again.infer().parameters) == list(spec.infer().parameters)


def test_a_chain_without_names_is_one_spec_in_python_and_yaml() -> None:
    text = """
    name: net
    inputs: {x: [1, 8, 8]}
    layers:
    - {type: Conv2D, out_channels: 2, kernel_size: 3}
    - {type: ReLU}
    - {type: Block, kind: Sequential, inputs: [x],
       layers: [{type: ReLU}, {type: Flatten, name: flat}, {type: ReLU}]}
    - {type: ReLU, name: relu2}
    - {type: ReLU}
    - {shares: relu1}
    - {type: Add, from: [relu3, relu1_2]}
    - {type: Dense, out_features: 2}
    """
    x = pf.Input((1, 8, 8))
    relu = pf.ReLU()
    y = relu(pf.Conv2D(2, 3)(x))
    y = pf.Sequential([pf.ReLU(), pf.Flatten(name="flat"), pf.ReLU()])(y)
    y = pf.ReLU()(pf.ReLU(name="relu2")(y))
    spec = pf.ModelSpec(x, pf.Dense(2)(pf.Add()(y, relu(y))), name="net")
    assert pf.load_spec(text).hash == spec.hash
    names = [node.name for node in spec.graph.nodes]
    assert names == [
        *("conv1", "relu1", "block1", "relu2", "relu3", "relu1_2", "add1", "fc1")
    ]
    block = spec.graph.nodes[2].layer
    assert isinstance(block, pf.Block)
    assert [node.name for node in block.graph.nodes] == ["0", "flat", "2"]


def test_a_layer_that_stands_twice_in_a_block_has_both_indices() -> None:
    """As in PyTorch's nn.Sequential; a name that is given goes on."""
    relu, act = pf.ReLU(), pf.ReLU(name="act")
    block = pf.Sequential([relu, act, relu, act])
    assert [(n.name, n.shares) for n in block.graph.nodes] == [
        ("0", None),
        ("act", None),
        ("2", "0"),
        ("act_2", "act"),
    ]
    spec = pf.Sequential([block], (3,))
    data = spec.to_data()
    for item in (2, 3):
        del data["layers"][0]["layers"][item]["name"]
    assert pf.load_spec(data) == spec


def test_numbers_that_are_given_stay_names() -> None:
    layers = [{"name": "1", "type": "ReLU"}, {"type": "ReLU"}, {"type": "ReLU"}]
    data = {"inputs": {"x": [3]}, "layers": [*layers, {"type": "Add", "from": []}]}
    data["layers"][3]["from"] = ["1", "relu1", "relu2"]
    spec = pf.load_spec(data)
    assert [n.name for n in spec.graph.nodes] == ["1", "relu1", "relu2", "add1"]


def test_names_count_in_the_order_of_the_list() -> None:
    text = """
    inputs: {x: [3]}
    layers: [{type: ReLU, from: relu2}, {type: ReLU, from: x}]
    outputs: relu1
    """
    spec = pf.load_spec(text)
    assert [(n.name, n.inputs) for n in spec.graph.nodes] == [
        ("relu2", ("x",)),
        ("relu1", ("relu2",)),
    ]


@pytest.mark.parametrize("kind", [NUMBERED, "Other"])
def test_blocks_of_one_kind_are_named_alike(kind: str) -> None:
    x = pf.Input()
    block = pf.Block(x, pf.ReLU()(pf.ReLU()(x)), kind=kind)
    wanted = ["0", "1"] if kind == NUMBERED else ["relu1", "relu2"]
    assert [node.name for node in block.graph.nodes] == wanted
