"""The shipped models run: what they predict and how they train, on every backend."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from helpers.small_models import small
from helpers.support import BACKENDS, distance, within

import polyframe as pf
from polyframe.randomness import generator
from polyframe.spec.interpreter import interpret
from polyframe.spec.typed import flatten

SAMPLE = {
    "conv_autoencoder": BACKENDS,
    "lenet5": BACKENDS,
    "mobilenet_v3_small": ("torch", "mxnet"),
    "resnet18": ("torch", "mxnet"),
    "shufflenet_v2_x1_0": ("torch", "mxnet"),
}
"""What ``make test`` runs, and where; ``make test-full`` runs all on every backend.
TensorFlow takes a minute to trace some."""


def weights_for(graph):
    """Random weights of a size at which signals neither die out nor grow."""
    weights = {}
    for name, parameter in graph.parameters.items():
        rng, shape = generator(5, name), parameter.shape
        if len(shape) > 1:
            value = rng.normal(0, np.sqrt(2 / parameter.fans.fan_in), shape)
        elif name.endswith(("weight", "running_var")):
            value = rng.uniform(0.5, 1.5, shape)
        else:
            value = rng.normal(0, 0.1, shape)
        weights[name] = value
    return weights


def batch(spec):
    """Three inputs and targets, with the loss for them."""
    graph, rng = spec.infer(), generator(7, spec.name)
    (shape,) = graph.output_shapes
    x = rng.normal(size=(3, *graph.inputs[0][1]))
    if len(shape) == 1 and shape[0] > 1:
        return x, rng.integers(0, shape[0], 3), "cross_entropy"
    return x, rng.normal(size=(3, *shape)), "mse"


def run(name, backend, dtype):
    """What a backend predicts, and the loss of its first training step."""
    spec = small(name)
    x, y, loss = batch(spec)
    model = pf.compile(
        spec, backend, loss=loss, optimizer=pf.SGD(1e-3), dtype=dtype, device="cpu"
    )
    weights = weights_for(spec.infer())
    model.load_weights({n: w.astype(model.dtype) for n, w in weights.items()})
    x = x.astype(dtype)
    return model.predict(x), model.train_step(x, y)


@cache
def reference(name):
    return run(name, "torch", "float64")


CASES = [
    pytest.param(n, b, marks=() if b in SAMPLE.get(n, ()) else pytest.mark.full)
    for n in pf.zoo.list()
    for b in BACKENDS
]


@pytest.mark.parametrize(("name", "backend"), CASES)
def test_models_agree_and_train(name, backend):
    """PyTorch with the definitions in NumPy, the others with PyTorch."""
    wanted, wanted_loss = reference(name)
    if backend == "torch":
        spec = small(name)
        graph = spec.infer()
        known, _ = interpret(graph, weights_for(graph), [batch(spec)[0]])
        predictions, loss = wanted, wanted_loss
        (wanted,) = (known[output] for output in flatten(graph).outputs)
    else:
        predictions, loss = run(name, backend, "float64")
    detail = (name, backend)
    within("zoo: predictions, float64", distance(predictions, wanted), 1e-10, detail)
    within("zoo: loss, float64", distance(loss, wanted_loss), 1e-10, detail)
    _, single = run(name, backend, "float32")
    within("zoo: loss, float32", distance(single, wanted_loss), FLOAT32, detail)


FLOAT32 = 1e-2
"""Of a batch of three, whose norms at one position cancel."""


def test_mxnet_joins_any_numbers_of_channels():
    """oneDNN's concat fails where 24 channels stand in blocks of 16."""
    x = pf.Input((8, 4, 4))
    paths = [pf.ReLU()(pf.Conv2D(24, 3, padding=1)(x)) for _ in range(2)]
    y = pf.GlobalAvgPool2D()(pf.Conv2D(16, 1)(pf.Concat()(paths)))
    spec = pf.ModelSpec(x, pf.Dense(3)(y), name="joined")
    images = np.ones((3, 8, 4, 4), np.float32)
    wanted = pf.compile(spec, "torch", device="cpu").predict(images)
    model = pf.compile(spec, "mxnet", loss="cross_entropy", device="cpu")
    assert distance(model.predict(images), wanted) < 1e-5
    assert np.isfinite(model.train_step(images, np.zeros(3, int)))


PROJECT = """
import sys, numpy as np, polyframe as pf
x = pf.Input((4, 32, 32))
y = pf.GlobalAvgPool2D()(pf.Conv2D(8, 1, stride=2)(pf.Conv2D(8, 1, stride=(1, 2))(x)))
model = pf.compile(pf.ModelSpec(x, y), sys.argv[1], loss="mse", device="cpu")
for _ in range(200):
    model.train_step(np.ones((3, 4, 32, 32)), np.zeros((3, 8)))
print("whole")
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_projections_of_few_channels_leave_memory_whole(backend):
    """oneDNN's gradient of a 1x1 kernel with strides writes outside of its memory; the
    process dies of it sooner or later."""
    command = [sys.executable, "-c", PROJECT, backend]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "whole\n"), done.stderr[-2000:]
