"""What the backends' tests share: small specs around a layer, distances, runs."""

from __future__ import annotations

import json
import os

import numpy as np

import polyframe as pf
from polyframe.registry import get
from polyframe.spec.layers.base import Layer
from polyframe.spec.meaning import interpret

BACKENDS = ("torch", "tensorflow", "mxnet")
PAIRS = tuple((a, b) for a in BACKENDS for b in BACKENDS if a < b)


def distance(a, b):
    """max|a-b| / max|b|; two arrays of zeros are at distance 0."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    assert a.shape == b.shape, (a.shape, b.shape)
    assert np.isfinite(a).all() and np.isfinite(b).all()
    scale = np.abs(b).max()
    apart = np.abs(a - b).max()
    return 0.0 if apart == 0 else float(apart / scale) if scale else np.inf


def worst(found, wanted):
    """(the largest distance, its name) between two mappings of arrays."""
    assert set(found) == set(wanted)
    return max((distance(found[name], wanted[name]), name) for name in wanted)


def around(layer_type, options, shapes):
    """A spec that gives a layer's inputs weights of their own, so that parameters'
    gradients show the layer's input gradients too."""
    inputs, tensors = [], []
    for shape in shapes:
        x = pf.Input(shape)
        inputs.append(x)
        front = pf.Conv2D(shape[0], 1) if len(shape) == 3 else pf.Dense(shape[0])
        tensors.append(front(x))
    layer = Layer.registry[layer_type](**options, name="it")
    return pf.ModelSpec(inputs, layer(*tensors), name="around")


def batch_for(spec, count=5, seed=0, dtype="float64"):
    """Random inputs and a random target for a spec with one output."""
    rng = np.random.default_rng(seed)
    x = [rng.normal(size=(count, *shape)) for _, shape in spec.graph.inputs]
    y = rng.normal(size=(count, *spec.infer().output_shapes[0]))
    x = [value.astype(dtype) for value in x]
    return (x if len(x) > 1 else x[0]), y.astype(dtype)


def within(family, value, bound, detail=""):
    """Assert ``value <= bound``, and keep the figure for the report of test-full."""
    path = os.environ.get("POLYFRAME_FIGURES")
    if path:
        with open(path, "a") as file:
            line = {"family": family, "value": float(value), "bound": float(bound)}
            file.write(json.dumps(line | {"detail": str(detail)}) + "\n")
    assert value <= bound, (family, detail, value, bound)


def as_list(x):
    return list(x) if isinstance(x, (list, tuple)) else [x]


def mean_loss(graph, loss, weights, x, y, draws=None):
    """The mean training loss by the definitions, in float64."""
    known, _ = interpret(graph, weights, as_list(x), training=True, draws=draws)
    targets = [y] if len(graph.outputs) == 1 else y
    return sum(
        loss.define(known[name], target).mean()
        for name, target in zip(graph.outputs, targets)
    )


def entries():
    """(backend, layer type, form) for every form of every entry."""
    return [
        (name, layer_type, form)
        for name in BACKENDS
        for layer_type, entry in get(name).table.items()
        for form in entry.forms
    ]
