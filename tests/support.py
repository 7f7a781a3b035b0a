"""What the backends' tests share: small specs around a layer, distances, runs."""

from __future__ import annotations

import json
import os

import numpy as np

import polyframe as pf
from polyframe.randomness import generator
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


def front(shape, name):
    """A layer with weights that keeps the shape, so that its weights' gradients show
    the input gradients of what follows."""
    made = {1: "Dense", 2: "Conv1D", 3: "Conv2D", 4: "Conv3D"}[len(shape)]
    sizes = () if made == "Dense" else (1,)
    return Layer.registry[made](shape[0], *sizes, name=name)


def around(cases):
    """A spec with layers side by side, each behind inputs and fronts of its own.

    A case is (number, layer type, options, shapes); number i's layer is ``it{i}``.
    """
    inputs, outputs = [], []
    for number, layer_type, options, shapes in cases:
        tensors = []
        for i, shape in enumerate(shapes):
            x = pf.Input(shape, name=f"x{number}_{i}")
            inputs.append(x)
            tensors.append(front(shape, f"in{number}_{i}")(x))
        layer = Layer.registry[layer_type](**options, name=f"it{number}")
        outputs.append(layer(*tensors))
    return pf.ModelSpec(inputs, outputs, name="around")


def batch_for(spec, count=5, seed=0, dtype="float64"):
    """Random inputs and random targets, each by its name; lists where there are
    several."""
    graph = spec.infer()

    def values(name, shape):
        rng = generator(seed, "batch", name)
        return rng.normal(size=(count, *shape)).astype(dtype)

    x = [values(*named) for named in graph.inputs]
    y = [values(*named) for named in zip(graph.outputs, graph.output_shapes)]
    return as_one(x), as_one(y)


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


def as_one(arrays):
    """What ``predict`` and its like take: one array alone, or a list."""
    return arrays if len(arrays) > 1 else arrays[0]
