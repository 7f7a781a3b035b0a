"""Composites compute, on every backend, what their layers' definitions say."""

from __future__ import annotations

import pytest
from helpers.support import BACKENDS, distance, within

import polyframe as pf
from polyframe.conformance.cases import batch_for
from polyframe.spec.composites import EXAMPLES
from polyframe.spec.interpreter import interpret
from polyframe.spec.sampling import initial_weights

MAKERS = {maker.__name__: maker for maker in EXAMPLES}


def example(name):
    options, shape = EXAMPLES[MAKERS[name]]
    x = pf.Input(shape, name="x")
    return pf.ModelSpec(x, MAKERS[name](**options, name="it")(x), name="example")


def test_every_composite_is_public_and_survives_yaml():
    for name, maker in MAKERS.items():
        assert getattr(pf, name) is maker
        spec = example(name)
        assert pf.load_spec(spec.to_yaml()) == spec


@pytest.mark.parametrize("name", MAKERS)
def test_outputs_and_gradients(name):
    """Outputs are the definitions', and gradients the same on all backends."""
    spec = example(name)
    graph = spec.infer()
    (x,), (y,) = batch_for(spec)
    weights, gradients = initial_weights(graph.parameters, 0, "float64"), {}
    for backend in BACKENDS:
        model = pf.compile(spec, backend, loss="mse", dtype="float64", device="cpu")
        model.load_weights(weights)
        for training in (False, True):
            wanted, _ = interpret(graph, weights, [x], training=training)
            for layer, value in model.activations(x, training=training).items():
                apart = distance(value, wanted[layer])
                within("composites: forward", apart, 1e-12, (name, backend, layer))
        gradients[backend] = model.gradients(x, y)
    exact, *others = BACKENDS
    wanted = gradients[exact]
    scale = max(abs(g).max() for g in wanted.values())
    for backend in others:
        assert set(gradients[backend]) == set(wanted)
        for path, gradient in gradients[backend].items():
            apart = abs(gradient - wanted[path]).max() / scale
            within("composites: gradients", apart, 1e-11, (name, backend, path))
