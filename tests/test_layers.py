"""Every form of every entry, on every backend, against the definition in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from support import (
    BACKENDS,
    around,
    as_list,
    batch_for,
    distance,
    entries,
    mean_loss,
    within,
)

import polyframe as pf
from polyframe.compiler.table import Target, View
from polyframe.randomness import initial_weights
from polyframe.registry import get
from polyframe.spec.layers.base import Layer
from polyframe.spec.losses import MSE
from polyframe.spec.meaning import interpret

FORWARD, GRADIENT, DIFFERENCES = 1e-12, 1e-11, 1e-8
TRANSPARENT = {"Dropout"}  # with draws: tested in test_training.py


def cases(dtype):
    """(backend, layer type, form, example number) wherever the form holds."""
    found = []
    for backend, layer_type, form in entries():
        for number, (options, shapes) in enumerate(Layer.registry[layer_type].examples):
            spec = around(layer_type, options, shapes)
            node = next(n for n in spec.infer().walk() if n.name == "it")
            if form.when(View(node, Target(dtype))):
                found.append((backend, layer_type, form.name, number))
    return found


def compiled(backend, layer_type, form, number, dtype):
    options, shapes = Layer.registry[layer_type].examples[number]
    spec = around(layer_type, options, shapes)
    return pf.compile(
        spec, backend, loss="mse", optimizer=pf.SGD(0.0), dtype=dtype, device="cpu",
        forms={layer_type: form},
    )  # fmt: skip


def test_every_layer_has_an_entry_and_examples_everywhere():
    layers = set(Layer.registry) - {"Block"}
    for name in BACKENDS:
        assert set(get(name).table) == layers
    assert all(Layer.registry[name].examples for name in layers)


def test_every_form_is_tested_in_some_dtype():
    tested = {case[:3] for dtype in ("float64", "float32") for case in cases(dtype)}
    native_only = {
        ("torch", "Dropout", "native"),
        ("tensorflow", "Dropout", "native"),
        ("mxnet", "Dropout", "native"),
    }
    every = {(b, layer_type, form.name) for b, layer_type, form in entries()}
    # What aligned training never writes is inference's or native semantics'.
    inference = {("mxnet", "BatchNorm", "native")}
    assert every - tested == inference
    assert native_only <= tested


@pytest.mark.parametrize(("backend", "layer_type", "form", "number"), cases("float64"))
def test_forward_is_the_definition(backend, layer_type, form, number):
    model = compiled(backend, layer_type, form, number, "float64")
    x, _ = batch_for(model.spec)
    weights = randomised(model)
    for training in (False, True):
        draws = drawn(model, len(as_list(x)[0])) if training else None
        if training and form == "native" and layer_type == "Dropout":
            continue  # the framework's own mask
        wanted, _ = interpret(
            model.graph, weights, as_list(x), training=training, draws=draws
        )
        found = model.activations(x, training=training)
        assert set(found) == {n.path for n in model.graph.walk()}
        for name, value in found.items():
            assert value.dtype == np.float64
            apart = distance(value, wanted[name])
            within("layers: forward, float64", apart, FORWARD, (layer_type, backend))
    out = model.spec.graph.outputs[0]
    wanted, _ = interpret(model.graph, weights, as_list(x))
    assert distance(model.predict(x), wanted[out]) <= FORWARD


@pytest.mark.parametrize(("backend", "layer_type", "form", "number"), cases("float64"))
def test_gradients_are_the_definitions_central_differences(
    backend, layer_type, form, number
):
    if form == "native" and layer_type == "Dropout":
        return  # the framework's own mask: no definition to differentiate
    model = compiled(backend, layer_type, form, number, "float64")
    x, y = batch_for(model.spec)
    weights = randomised(model)
    draws = drawn(model, len(y))
    found = model.gradients(x, y)
    trainable = {n for n, p in model.graph.parameters.items() if p.trainable}
    assert set(found) == trainable
    rng = np.random.default_rng(1)
    for name, gradient in found.items():
        flat = weights[name].reshape(-1)
        picked = rng.choice(flat.size, min(flat.size, 6), replace=False)
        wanted = []
        for index in picked:
            losses = []
            for sign in (1, -1):
                moved = flat.copy()
                moved[index] += sign * 1e-5
                changed = weights | {name: moved.reshape(weights[name].shape)}
                losses.append(mean_loss(model.graph, MSE(), changed, x, y, draws))
            wanted.append((losses[0] - losses[1]) / 2e-5)
        apart = np.abs(gradient.reshape(-1)[picked] - wanted).max()
        # A bias in front of a batch norm has a gradient of zero: scale by all of them.
        scale = max(np.abs(g).max() for g in found.values())
        family = "layers: gradients against central differences"
        within(family, apart / scale, DIFFERENCES, (layer_type, backend, name))


@pytest.mark.parametrize("layer_type", sorted(set(Layer.registry) - {"Block"}))
def test_gradients_agree_between_backends(layer_type):
    for number, (options, shapes) in enumerate(Layer.registry[layer_type].examples):
        spec = around(layer_type, options, shapes)
        x, y = batch_for(spec)
        found = {}
        for backend in BACKENDS:
            model = pf.compile(spec, backend, loss="mse", dtype="float64", device="cpu")
            randomised(model)
            found[backend] = model.gradients(x, y)
        scale = max(np.abs(g).max() for g in found["torch"].values())
        for backend in BACKENDS[1:]:
            for name, gradient in found[backend].items():
                apart = np.abs(gradient - found["torch"][name]).max()
                family = "layers: gradients between backends, float64"
                within(family, apart / scale, GRADIENT, (layer_type, backend, number))


@pytest.mark.parametrize(("backend", "layer_type", "form", "number"), cases("float32"))
def test_float32_errs_little_more_than_the_definition_in_float32(
    backend, layer_type, form, number
):
    model = compiled(backend, layer_type, form, number, "float32")
    x, _ = batch_for(model.spec, dtype="float32")
    weights = randomised(model)
    exact = {name: value.astype(np.float64) for name, value in weights.items()}
    inputs = as_list(x)
    draws = drawn(model, len(inputs[0]))
    for training in (False, True):
        if training and form == "native" and layer_type == "Dropout":
            continue
        options = {"training": training, "draws": draws}
        wide = [value.astype(np.float64) for value in inputs]
        wanted, _ = interpret(model.graph, exact, wide, **options)
        written, _ = interpret(model.graph, weights, inputs, **options)
        for name, value in model.activations(x, training=training).items():
            own = distance(value, wanted[name])
            # DESIGN's bound; an error of half a unit in the last place is no error.
            yardstick = max(distance(written[name], wanted[name]), 2**-24)
            family = "layers: float32 error / NumPy's float32 error"
            within(family, own / yardstick, 8, (layer_type, backend, form))


def randomised(model):
    """Weights with nothing left at 0 or 1, loaded into the model."""
    rng = np.random.default_rng(3)
    weights = initial_weights(model.graph.parameters, 0, "float64")
    for name, value in weights.items():
        moved = value + rng.uniform(0.1, 0.5, value.shape)
        weights[name] = moved.astype(model.dtype)
    model.load_weights(weights)
    return weights


def drawn(model, count):
    """The factors of this step's random layers, by path."""
    draws = model.stager.draws(model.session, count, model.step)
    return dict(zip(model.program.draws, draws))
