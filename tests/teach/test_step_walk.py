"""``trace --step``: a step tensor by tensor beside the definition, and what is said where
there is none."""

from __future__ import annotations

import json

import numpy as np
import pytest
from helpers.command_line import call
from helpers.support import TORCH_FIRST

import polyframe as pf
from polyframe.conformance.oracle import Trainer
from polyframe.errors import PolyframeError
from polyframe.spec.losses import default_loss, parse_losses
from polyframe.spec.recipe import Recipe
from polyframe.teach import definitions, step_walk
from polyframe.teach.definitions import Definition, plain_update, updated
from polyframe.teach.recipes import recipe_for
from polyframe.teach.samples import data_batch, made_up_batch, preprocessed
from polyframe.teach.step_walk import NUMPY, PHASES, by_phase, walk
from polyframe.teach.trace import trace

EXACT = 1e-11


def net(*more):
    """A small network with batch norm and dropout, and two paths."""
    x = pf.Input((2, 6, 6))
    a = pf.Conv2D(3, 3, padding=1, name="conv")(x)
    b = pf.Dropout(0.25, name="drop")(pf.ReLU(name="relu")(pf.BatchNorm(name="bn")(a)))
    y = pf.Add(name="add")(a, b)
    for layer in more:
        y = layer(y)
    flat = pf.Flatten(name="flat")(pf.MaxPool2D(2, name="pool")(y))
    return pf.ModelSpec(x, pf.Dense(3, name="fc")(flat), name="small")


def definition_of(recipe, count=4):
    """The definition of a recipe's first step on made-up samples, in float64."""
    graph = recipe.model.infer()
    trainer = Trainer(recipe.model, recipe.loss, recipe.optimizer)
    batch = made_up_batch(recipe, count)
    losses = parse_losses(recipe.loss, graph.outputs)
    return Definition(graph, losses, dict(trainer.weights), batch), trainer


def test_the_definition_is_the_oracle_of_training():
    """Loss, gradients, statistics and new weights, as ``conformance`` computes them."""
    recipe = recipe_for(net())
    definition, trainer = definition_of(recipe)
    outputs, statistics = definition.forward()
    before = dict(trainer.weights)
    loss, gradients = trainer.gradients([(definition.batch.x, definition.batch.y)])
    assert float(definition.loss(outputs)) == pytest.approx(loss, rel=1e-14)
    assert set(statistics) == {"bn.running_mean", "bn.running_var"}
    for name, value in statistics.items():
        np.testing.assert_allclose(trainer.weights[name], value, rtol=1e-14)
    largest = {name: int(abs(value).argmax()) for name, value in gradients.items()}
    defined, reason = definition.gradients(largest)
    assert reason is None and set(defined) == set(gradients)
    for name, (indices, values) in defined.items():
        assert {*range(min(4, gradients[name].size)), largest[name]} == set(indices)
        wanted = gradients[name].reshape(-1)[indices]
        np.testing.assert_allclose(values, wanted, rtol=1e-12, atol=1e-15)
    trainer.weights = dict(before)
    trainer.take((definition.batch.x, definition.batch.y))
    for name, gradient in gradients.items():
        new = updated(recipe.optimizer, before[name], gradient)
        np.testing.assert_allclose(trainer.weights[name], new, rtol=1e-13)


@pytest.mark.parametrize("backend", TORCH_FIRST)
def test_every_tensor_of_a_backend_is_beside_the_definition(backend):
    walked = walk(net(), [backend], batch_size=4, dtype="float64")
    assert walked.largest[backend] < EXACT
    assert [phase for phase, _ in by_phase(walked.tensors)] == list(PHASES)
    for tensor in walked.tensors:
        if tensor.phase not in ("input", "output gradient"):
            assert tensor.distances[backend] < EXACT, tensor
            assert set(tensor.numbers) == {NUMPY, backend}
    names = [t.name for t in walked.tensors if t.phase == "forward"]
    assert names == ["conv", "bn", "relu", "drop", "add", "pool", "flat", "fc"]
    backward = [t.name for t in walked.tensors if t.phase == "output gradient"]
    assert backward == [*reversed(names), "x"]


def test_a_frozen_batch_norm_keeps_its_statistics_here_too():
    recipe = Recipe(net(), data="synthetic", freeze=("bn",))
    walked = walk(recipe, ["torch"], batch_size=4, dtype="float64")
    assert walked.largest["torch"] < EXACT
    assert not [t for t in walked.tensors if t.phase == "statistics"]
    assert walked.notes[-1].endswith("the recipe sets freeze")


@pytest.mark.parametrize(
    "phase", ["forward", "gradient", "statistics", "weights", "loss"]
)
def test_a_wrong_tensor_has_a_large_distance(phase):
    """A backend that computes something else in one phase."""
    recipe = recipe_for(net())
    definition, trainer = definition_of(recipe)
    right = step_of(definition, trainer, recipe)
    wrong = {
        key: value * 1.01 if key[0] == phase else value for key, value in right.items()
    }
    for step, agrees in ((right, True), (wrong, False)):
        tensors, _ = step_walk.tensors_of(recipe, definition, {"torch": step})
        apart = max(d for t in tensors for d in t.distances.values())
        assert (apart < EXACT) is agrees, (phase, apart)
        assert agrees or all(
            t.phase == phase or phase == "gradient"  # it also moves the new weights
            for t in tensors
            for distance in t.distances.values()
            if distance > EXACT
        )


def step_of(definition, trainer, recipe):
    """What a right backend returns, by the oracle."""
    outputs, _ = definition.forward()
    step = step_walk.named("forward", outputs)
    step["loss", "loss"] = np.asarray(definition.loss(outputs))
    before = dict(trainer.weights)
    _, gradients = trainer.gradients([(definition.batch.x, definition.batch.y)])
    trainer.weights = dict(before)
    trainer.take((definition.batch.x, definition.batch.y))
    step |= step_walk.named("gradient", gradients)
    step |= {("output gradient", name): np.ones(3) for name in outputs}
    for name, value in trainer.weights.items():
        trained = definition.graph.parameters[name].trainable
        step["weights" if trained else "statistics", name] = value
    return step


def test_backends_are_compared_with_each_other_where_nothing_is_defined():
    recipe = recipe_for(net())
    definition, trainer = definition_of(recipe)
    one = step_of(definition, trainer, recipe)
    other = one | {("output gradient", "conv"): np.array([1.0, 1.0, 1.5])}
    seen = {"torch": one, "mxnet": other}
    tensors, notes = step_walk.tensors_of(recipe, definition, seen)
    (tensor,) = [t for t in tensors if (t.phase, t.name) == ("output gradient", "conv")]
    assert tensor.distances == {"mxnet": 0.5} and NUMPY not in tensor.numbers
    assert any("their distances are from torch" in note for note in notes)


def test_a_gradient_that_is_only_rounding_is_not_infinitely_wrong():
    """Of a bias before a batch norm; a real difference is seen all the same."""
    spec = pf.Sequential(
        [
            pf.Conv2D(3, 3, name="conv"), pf.BatchNorm(name="bn"), pf.ReLU(),
            pf.GlobalAvgPool2D(), pf.Dense(2, name="fc"),
        ],
        input_shape=(1, 6, 6),
    )  # fmt: skip
    recipe = recipe_for(spec)
    definition, trainer = definition_of(recipe)
    right = step_of(definition, trainer, recipe)
    noise = right["gradient", "conv.bias"]
    assert abs(noise).max() < 1e-15
    for shift, apart in ((1e-17, 1e-13), (1e-3, 1.0)):
        step = right | {("gradient", "conv.bias"): noise + shift}
        found, _ = step_walk.gradients_of(definition, "float64", {"torch": step})
        (tensor,) = [t for t in found if t.name == "conv.bias"]
        assert apart * 1e-5 < tensor.distances["torch"] < apart
    scales = step_walk.scales_of({"a": np.ones(2), "b": np.array([1e-20])}, "float64")
    assert scales == {"a": 1.0, "b": 1.0}
    scales = step_walk.scales_of({"a": np.ones(2), "b": np.array([1e-9])}, "float64")
    assert scales == {"a": 1.0, "b": 1e-9}
    assert step_walk.scales_of({"b": np.array([1e-9])}, "float32") == {"b": 1e-9}


def test_a_definition_without_complex_numbers_says_so(monkeypatch):
    definition, _ = definition_of(recipe_for(net(pf.GELU(name="gelu"))))
    assert definition.gradients({}) == (
        {}, "a layer's definition does not take complex numbers",
    )  # fmt: skip
    monkeypatch.setattr(definitions, "PATIENCE", 0.0)
    slow, _ = definition_of(recipe_for(net()))
    found, reason = slow.gradients({})
    assert found == {} and "passes in NumPy would take about" in reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"accumulate": 4}, None),
        ({"clip_norm": 1.0}, "clip_norm"),
        ({"ema": 0.9, "freeze": ["fc"]}, "freeze"),
        ({"optimizer": {"type": "sgd", "weight_decay": 0.1}}, None),
        (
            {"optimizer": {"type": "sgd", "weight_decay": 0.1, "decay_on": "kernels"}},
            "kernels",
        ),
    ],
)
def test_updates_that_are_more_than_the_formula_are_named(changes, reason):
    recipe = pf.load_recipe("digits_cnn", changes)
    told = plain_update(recipe)
    assert told is None if reason is None else reason in told


def test_the_batch_is_of_the_recipes_data_as_it_is_trained_on():
    recipe = pf.load_recipe("digits_cnn", {"augmentation": ["normalize"]})
    batch, name = data_batch(recipe, 5)
    assert name == "digits" and batch.x[0].shape == (5, 1, 8, 8)
    plain, _ = data_batch(pf.load_recipe("digits_cnn"), 5)
    assert batch.x[0].min() < 0 <= plain.x[0].min()
    np.testing.assert_array_equal(preprocessed(recipe, plain.x[0]), batch.x[0])


def test_a_network_without_weights_has_no_step_on_a_backend():
    spec = pf.Sequential([pf.MaxPool2D(2)], input_shape=(1, 4, 4), name="bare")
    assert walk(spec, batch_size=2).tensors[-1].phase == "loss"
    message = r"^bare: has no weights, so that backends .* \(trace it without a backend"
    with pytest.raises(PolyframeError, match=message):
        walk(spec, ["torch"])
    with pytest.raises(PolyframeError, match=message):
        trace(spec, ["torch"])


def test_the_command_in_numpy_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(net().to_yaml())
    options = ("--step", "--batch-size", 3, "--dtype", "float64")
    text = call("trace", "small.yaml", *options).stdout
    assert "batch of 3 (random numbers), float64" in text
    for title in ("1. the batch", "2. outputs of the layers", "3. the loss"):
        assert title in text
    data = json.loads(call("trace", "small.yaml", *options, "--json").stdout)
    loss = next(t for t in data["tensors"] if t["phase"] == "loss")
    assert f"{loss['numbers'][NUMPY]['mean']:.4g}" in text
    assert data["largest_distance"] == {} and data["dtype"] == "float64"
    digits = call("trace", "resnet18", "--step", "--set", "seed=1", code=2)
    assert "--set is for recipes" in digits.stderr


def test_long_phases_are_cut(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    layers = [pf.Dense(2, name=f"d{i}") for i in range(15)]
    spec = pf.Sequential(layers, input_shape=(2,), name="long")
    (tmp_path / "long.yaml").write_text(spec.to_yaml())
    text = call("trace", "long.yaml", "--step", "--batch-size", 2).stdout
    assert "… 3 more; --json has all of them" in text and "d12 (2, 2)" not in text


def test_one_number_alone_has_a_loss_that_teaches_something():
    """Cross-entropy of a single class is 0, and so are all its gradients."""
    spec = pf.Sequential([pf.Flatten(), pf.Dense(1, name="fc")], (1, 2, 2))
    assert default_loss(spec.infer().output_shapes) == "mse"
    assert default_loss([(2,), (3,)]) == "cross_entropy"
    walked = walk(spec, [], batch_size=4)
    numbers = {t.name: t for t in walked.tensors if t.phase == "loss"}
    assert numbers["loss"].numbers["NumPy"].mean > 0
