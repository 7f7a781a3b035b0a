"""``trace`` without a framework: costs by hand, rows that fold, what a step holds."""

from __future__ import annotations

import json

import numpy as np
import pytest
from helpers.command_line import call, fails
from helpers.pages import BLOCKS

import polyframe as pf
from polyframe.spec.optimizers import Optimizer
from polyframe.spec.recipe import Recipe
from polyframe.teach.costs import costs_of, memory_of, rows_of, total, trained_before
from polyframe.teach.timed_programs import layer_key, layers_of
from polyframe.teach.trace import trace


def test_costs_by_hand():
    """One convolution and one dense layer, counted on paper."""
    spec = pf.Sequential(
        [
            pf.Conv2D(4, 3, name="conv"), pf.BatchNorm(name="norm"),
            pf.ReLU(name="relu"), pf.Flatten(name="flat"), pf.Dense(5, name="fc"),
        ],
        input_shape=(2, 8, 8),
    )  # fmt: skip
    costs = costs_of(spec.infer())
    conv, norm, fc = costs["conv"], costs["norm"], costs["fc"]
    assert conv.forward == 4 * 6 * 6 * 2 * 9
    assert conv.backward == conv.forward  # of its weights only: nothing is before it
    assert (conv.parameters, conv.state, conv.outputs) == (4 * 2 * 9 + 4, 0, 4 * 6 * 6)
    assert (norm.parameters, norm.state, norm.forward, norm.backward) == (8, 8, 0, 0)
    assert fc.forward == 4 * 6 * 6 * 5
    assert fc.backward == 2 * fc.forward  # of its input, and of its weights
    memory = memory_of(total(costs), 16, "float64", pf.Adam())
    numbers = 3 * 144 + 144 + 5
    parameters = conv.parameters + 8 + fc.parameters
    assert memory.activations == 8 * 16 * numbers
    assert memory.weights == 8 * (parameters + 8)
    assert memory.gradients == 8 * parameters
    assert memory.optimizer == 2 * memory.gradients
    assert memory.total == sum(memory)
    assert memory_of(total(costs), 16, "float64").optimizer == 0


def test_the_gradient_of_an_input_is_needed_after_the_first_weights_only():
    x = pf.Input((2, 6, 6))
    padded = pf.Pad(1, name="pad")(x)
    y = pf.Add(name="add")(pf.Conv2D(2, 3, name="conv")(padded), x)
    before = trained_before(pf.ModelSpec(x, pf.ReLU(name="relu")(y)).infer())
    assert before == {"pad": False, "conv": False, "add": True, "relu": True}


def test_frozen_layers_have_no_gradients_of_their_weights():
    spec = pf.Sequential(
        [
            pf.Dense(4, name="a"), pf.Dense(4, name="b"), pf.Dense(4, name="c"),
        ],
        input_shape=(4,),
    )  # fmt: skip
    for freeze, backward, before in (
        (("a",), (0, 16, 32), (False, False, True)),
        (("b",), (16, 16, 32), (False, True, True)),
        (("c",), (16, 32, 16), (False, True, True)),
    ):
        recipe = Recipe(spec, freeze=freeze)
        traced = trace(recipe)
        assert tuple(c.backward for c in traced.costs.values()) == backward
        assert (traced.total.parameters, traced.total.trained) == (60, 40)
        memory = traced.memory(traced.total)
        assert (memory.weights, memory.gradients, memory.optimizer) == (240, 160, 320)
        layers = layers_of(recipe, "NCHW")
        assert tuple(each.headed for each in layers.values()) == before
        assert [path for path, each in layers.items() if each.frozen] == list(freeze)
        assert layer_key(layers[freeze[0]]).endswith(" frozen")


def test_the_published_numbers_of_resnet18():
    """11,689,512 parameters, as torchvision counts them, and 1.81e9 multiply-adds."""
    cost = trace(pf.zoo.resnet18()).total
    assert cost.parameters == 11_689_512
    assert 1.81e9 < cost.forward < 1.82e9
    first = 64 * 112 * 112 * 3 * 49
    assert cost.backward == 2 * cost.forward - first


@pytest.mark.parametrize("name", ["resnet18", "small_unet", "googlenet"])
def test_rows_of_every_depth_hold_every_layer_once(name):
    graph = getattr(pf.zoo, name)().infer()
    costs = costs_of(graph)
    counts = []
    for depth in range(1, 5):
        rows = rows_of(graph, depth)
        leaves = [path for row in rows for path in row.leaves]
        assert sorted(leaves) == sorted(costs)
        counts.append(len(rows))
        assert max(row.level for row in rows) < depth
    assert counts == sorted(counts) and counts[0] < counts[1]


def test_a_shared_layer_has_its_weights_once_and_its_work_twice():
    x, conv = pf.Input((3, 8, 8)), pf.Conv2D(3, 3, padding=1, name="conv")
    block = pf.Sequential([pf.Dense(4), pf.Dense(4)], name="twice")
    flat = pf.GlobalAvgPool2D()(conv(conv(x)))
    spec = pf.ModelSpec(x, block(block(pf.Dense(4, name="first")(flat))))
    costs = costs_of(spec.infer())
    assert total(costs).parameters == spec.num_parameters
    assert costs["conv"].forward == costs["conv_2"].forward > 0
    assert costs["conv_2"].parameters == 0
    (again,) = [path for path in costs if path.startswith("twice_2") and "1" in path]
    assert costs[again].parameters == 0 and costs[again].forward == 16


@pytest.mark.parametrize("word", sorted(Optimizer.registry))
def test_the_arrays_of_every_optimizer_are_counted(word):
    optimizer = Optimizer.parse(word)
    cost = total(costs_of(pf.zoo.digits_cnn().infer()))
    state = optimizer.resolve({}).start(np.zeros(3))
    assert memory_of(cost, 1, "float32", optimizer).optimizer == (
        4 * cost.parameters * len(state)
    )


def test_the_command_without_a_backend(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = call("trace", "digits_cnn").stdout
    assert "one training step, batch of 64, float32" in text  # the recipe's
    assert "batch of 32, float64" in call(
        "trace", "resnet18", "--batch-size", 32, "--dtype", "float64"
    ).stdout  # fmt: skip
    wide = call("trace", "digits_cnn", "--set", "batch_size=7").stdout
    assert "batch of 7" in wide
    data = json.loads(call("trace", "resnet18", "--depth", 2, "--json").stdout)
    assert data["total"]["parameters"] == 11_689_512
    paths = [row["layer"] for row in data["layers"]]
    assert "layer1.0" in paths and "layer1.0.conv1" not in paths
    assert sum(row.get("parameters", 0) for row in data["layers"]) == 11_689_512
    assert data["backends"] == {} and data["batch_size"] == 32


def test_wrong_usage_is_one_message(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for arguments, message in {
        ("nonsense",): "no shipped model or recipe 'nonsense'",
        ("digits_cnn", "-b", "troch"): "Did you mean 'torch'?",
        ("digits_cnn", "--input", "a.npy"): "--input is for --activations FILE.",
        ("digits_cnn", "--weights", "a.npz"): "--weights is for --activations FILE.",
        ("resnet18", "--set", "lr=1"): "--set is for recipes",
        ("digits_cnn", "--plot", "net.dot"): "ends in .svg, .png or .pdf",
        ("digits_cnn", "--depth", "0"): "0 is not in the range",
    }.items():
        assert message in fails("trace", *arguments), arguments
    assert not list(tmp_path.iterdir())


def blocks_of(page):
    """(command line, the text that it is shown to print) of a page."""
    blocks = BLOCKS[page]
    for block, after in zip(blocks, blocks[1:], strict=False):
        if block.tag == "console" and after.tag == "text":
            yield block.text.strip().removeprefix("polyframe ").split(), after.text


def test_the_page_shows_what_the_spec_alone_tells(tmp_path, monkeypatch):
    """Times and rounding are of the machine where the page was written."""
    monkeypatch.chdir(tmp_path)
    shown = [pair for pair in blocks_of("docs/trace.md") if "-b" not in pair[0]]
    assert len(shown) >= 2
    for words, text in shown:
        lines = [line.rstrip() for line in call(*words).stdout.splitlines()]
        assert lines == [line.rstrip() for line in text.splitlines()], words
