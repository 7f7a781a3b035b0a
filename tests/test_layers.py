"""Every form of every entry, on every backend, against the definition in NumPy.

All examples of a layer stand side by side in one program, so that each form costs one
compilation for each dtype.
"""

from __future__ import annotations

import numpy as np
import pytest
from support import BACKENDS, around, as_list, as_one, batch_for, distance, within

import polyframe as pf
from polyframe.compiler.table import Target, View, choose
from polyframe.randomness import generator, initial_weights
from polyframe.registry import get
from polyframe.spec.layers.base import Layer
from polyframe.spec.losses import MSE
from polyframe.spec.meaning import interpret

FORWARD, GRADIENT, DIFFERENCES = 1e-12, 1e-11, 1e-8
LAYERS = sorted(set(Layer.registry) - {"Block"})


def examples(layer_type):
    """The cases that ``around`` takes."""
    found = enumerate(Layer.registry[layer_type].examples)
    return [(number, layer_type, *example) for number, example in found]


def form_of(backend, case, target, wanted):
    """The name of the form that a case takes, if it may; None for a declared gap."""
    (node,) = (n for n in around([case]).infer().walk() if n.name == f"it{case[0]}")
    form = choose(get(backend).table, node, target)
    if isinstance(form, str):
        return None
    entry = get(backend).table[case[1]]
    held = [f.name for f in entry.forms if f.when(View(node, target))]
    return wanted if wanted in held else form.name


def cases_of(backend, layer_type, form, dtype):
    """The examples that take that form."""
    return [
        case
        for case in examples(layer_type)
        if form_of(backend, case, Target(dtype), form) == form
    ]


def params(dtype):
    """(backend, layer type, form) wherever the form is written in that dtype."""
    return [
        (backend, layer_type, form.name)
        for layer_type in LAYERS
        for backend in BACKENDS
        for form in get(backend).table[layer_type].forms
        if cases_of(backend, layer_type, form.name, dtype)
        and not own_draws(layer_type, form.name)
    ]


def own_draws(layer_type, form):
    """Whether the framework draws its own numbers there: tested in test_training.py."""
    return Layer.registry[layer_type].random and form == "native"


def compiled(backend, cases, dtype, form=None):
    model = pf.compile(
        around(cases), backend, loss="mse", optimizer=pf.SGD(0.0), dtype=dtype,
        device="cpu", forms={cases[0][1]: form} if form else None,
    )  # fmt: skip
    weights = initial_weights(model.graph.parameters, 0, "float64")
    for name, value in weights.items():  # nothing is left at 0 or 1
        moved = value + generator(3, name).uniform(0.1, 0.5, value.shape)
        weights[name] = moved.astype(model.dtype)
    model.load_weights(weights)
    return model, weights


def drawn(model, count):
    """The factors of this step's random layers, by path."""
    draws = model.stager.draws(model.session, count, model.step)
    return dict(zip(model.program.draws, draws))


def test_every_layer_has_an_entry_and_examples_everywhere():
    for name in BACKENDS:
        assert set(get(name).table) == set(LAYERS)
    assert all(Layer.registry[name].examples for name in LAYERS)


def test_every_form_is_tested_in_some_dtype():
    every = {
        (backend, layer_type, form.name)
        for backend in BACKENDS
        for layer_type, entry in get(backend).table.items()
        for form in entry.forms
    }
    tested = {case for dtype in ("float64", "float32") for case in params(dtype)}
    untested = {case for case in every - tested if not own_draws(case[1], case[2])}
    # What aligned training never writes is inference's or native semantics'.
    assert untested == {("mxnet", "BatchNorm", "native")}


@pytest.mark.parametrize(("backend", "layer_type", "form"), params("float64"))
def test_forward_is_the_definition(backend, layer_type, form):
    cases = cases_of(backend, layer_type, form, "float64")
    model, weights = compiled(backend, cases, "float64", form)
    x, _ = batch_for(model.spec)
    for training in (False, True):
        draws = drawn(model, 5) if training else None
        wanted, _ = interpret(
            model.graph, weights, as_list(x), training=training, draws=draws
        )
        found = model.activations(x, training=training)
        assert set(found) == {n.path for n in model.graph.walk()}
        for name, value in found.items():
            assert value.dtype == np.float64
            apart = distance(value, wanted[name])
            within("layers: forward, float64", apart, FORWARD, (layer_type, backend))
    wanted, _ = interpret(model.graph, weights, as_list(x))
    for name, value in zip(model.graph.outputs, as_list(model.predict(x))):
        assert distance(value, wanted[name]) <= FORWARD


@pytest.mark.parametrize(("backend", "layer_type", "form"), params("float64"))
def test_gradients_are_the_definitions_central_differences(backend, layer_type, form):
    cases = cases_of(backend, layer_type, form, "float64")
    model, weights = compiled(backend, cases, "float64", form)
    x, y = batch_for(model.spec)
    draws = drawn(model, 5)
    found = model.gradients(x, y)
    trainable = {n for n, p in model.graph.parameters.items() if p.trainable}
    assert set(found) == trainable
    inputs = dict(zip((name for name, _ in model.graph.inputs), as_list(x)))
    for case, target in zip(cases, as_list(y)):
        graph = around([case]).infer()
        own = {name: weights[name] for name in graph.parameters}
        pairs = [inputs[name] for name, _ in graph.inputs]
        wanted = central_differences(graph, own, pairs, target, draws)
        # A bias in front of a batch norm has a gradient of zero: scale by all of them.
        scale = max(np.abs(found[name]).max() for name in wanted)
        for name, (picked, slopes) in wanted.items():
            apart = np.abs(found[name].reshape(-1)[picked] - slopes).max()
            family = "layers: gradients against central differences"
            within(family, apart / scale, DIFFERENCES, (layer_type, backend, name))


def central_differences(graph, weights, x, y, draws):
    """Trainable name → (a few places, the slopes of the mean loss there)."""
    rng, found = np.random.default_rng(1), {}

    def loss(name, flat):
        changed = weights | {name: flat.reshape(weights[name].shape)}
        known, _ = interpret(graph, changed, x, training=True, draws=draws)
        return MSE().define(known[graph.outputs[0]], y).mean()

    for name, parameter in graph.parameters.items():
        if not parameter.trainable:
            continue
        flat = weights[name].reshape(-1)
        picked = rng.choice(flat.size, min(flat.size, 6), replace=False)
        slopes = []
        for index in picked:
            step = np.zeros_like(flat)
            step[index] = 1e-5
            slopes.append((loss(name, flat + step) - loss(name, flat - step)) / 2e-5)
        found[name] = picked, slopes
    return found


@pytest.mark.parametrize("layer_type", LAYERS)
def test_gradients_agree_between_backends(layer_type):
    found, cases = {}, examples(layer_type)
    for backend in BACKENDS:
        held = [c for c in cases if form_of(backend, c, Target("float64"), None)]
        model, _ = compiled(backend, held, "float64")
        found[backend] = model.gradients(*batch_for(model.spec))
    for case in cases:
        owners = around([case]).infer().parameters
        names = [name for name, p in owners.items() if p.trainable]
        own = {b: g for b, g in found.items() if names[0] in g}
        exact = own.get("torch") or next(iter(own.values()))
        scale = max(np.abs(exact[name]).max() for name in names)
        for backend, gradients in own.items():
            for name in names:
                apart = np.abs(gradients[name] - exact[name]).max()
                family = "layers: gradients between backends, float64"
                within(family, apart / scale, GRADIENT, (layer_type, backend, case))


@pytest.mark.parametrize(("backend", "layer_type", "form"), params("float32"))
def test_float32_errs_little_more_than_the_definition_in_float32(
    backend, layer_type, form
):
    cases = cases_of(backend, layer_type, form, "float32")
    model, weights = compiled(backend, cases, "float32", form)
    inputs = as_list(batch_for(model.spec, dtype="float32")[0])
    exact = {name: value.astype(np.float64) for name, value in weights.items()}
    for training in (False, True):
        draws = drawn(model, 5) if training else None
        options = {"training": training, "draws": draws}
        wide = [value.astype(np.float64) for value in inputs]
        wanted, _ = interpret(model.graph, exact, wide, **options)
        written, _ = interpret(model.graph, weights, inputs, **options)
        for name, value in model.activations(as_one(inputs), training=training).items():
            own = distance(value, wanted[name])
            # DESIGN's bound; an error of half a unit in the last place is no error.
            yardstick = max(distance(written[name], wanted[name]), 2**-24)
            family = "layers: float32 error / NumPy's float32 error"
            within(family, own / yardstick, 8, (layer_type, backend, form))
