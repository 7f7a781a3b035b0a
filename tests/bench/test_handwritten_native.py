"""The benchmark's rivals in PyTorch and Gluon, written by hand, are the zoo's networks:
as many weights, the same outputs, the same losses while training."""

from __future__ import annotations

import importlib.util
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from helpers.support import distance

import polyframe as pf

NAMES = ("simple_cnn", "conv4", "cifar_resnet20", "mobilenet_v2", "densenet121")
CASES = [(backend, name) for backend in ("torch", "mxnet") for name in NAMES]
CLASSES, SHAPE, BATCH = 10, (3, 32, 32), 8
# MXNet's concat fails for float32 images whose channels are no multiple of 16 ("could
# not construct a sub-memory"). Polyframe's programs go around it, tutorials do not.
WIDTHS = dict.fromkeys(NAMES, 0.25) | {"densenet121": 0.5}


@cache
def handwritten(backend, name):
    """A file of tests/handwritten as a module."""
    path = Path(__file__).parents[1] / "handwritten" / backend / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"{backend}_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def conv4(num_classes, input_shape, width):
    layers = []
    for i in range(1, 5):
        channels = max(1, int(64 * width + 0.5))
        layers += [
            pf.Conv2D(channels, 3, padding=1, name=f"conv{i}"),
            pf.BatchNorm(name=f"bn{i}"),
            pf.ReLU(name=f"relu{i}"),
            pf.MaxPool2D(2, name=f"pool{i}"),
        ]
    layers += [pf.Flatten(name="flatten"), pf.Dense(num_classes, name="fc")]
    return pf.Sequential(layers, input_shape=input_shape, name="conv4")


def spec_of(name):
    make = getattr(pf.zoo, name, conv4 if name == "conv4" else None)
    return make(num_classes=CLASSES, input_shape=SHAPE, width=WIDTHS[name])


def compiled(spec, backend, optimizer, dtype="float32"):
    return pf.compile(
        spec,
        backend,
        loss="cross_entropy",
        optimizer=optimizer,
        dtype=dtype,
        device="cpu",
    )


def start(backend, name, weights, optimizer, dtype="float32"):
    """The hand-written network with those weights, and its trainer."""
    net = handwritten(backend, name).make(CLASSES, SHAPE, WIDTHS[name])
    if dtype == "float64":
        net.double() if backend == "torch" else net.cast(dtype)
    trainer = handwritten(backend, "training").Trainer(net, optimizer)
    load = {"torch": load_torch, "mxnet": load_gluon}[backend]
    load(net, weights)
    return net, trainer


def load_torch(net, weights):
    import torch

    state = {key: torch.tensor(value) for key, value in weights.items()}
    for key, value in net.state_dict().items():
        if key.endswith(
            "num_batches_tracked"
        ):  # PyTorch's own count, which is not used
            state[key] = value
    net.load_state_dict(state, strict=True)


def load_gluon(net, weights):
    """By order: Gluon's names are numbers, but its parameters are in the same order,
    and ``set_data`` refuses a shape that does not fit what is known of it."""
    import mxnet as mx

    kinds = {
        "weight": ("weight", "gamma"),
        "bias": ("bias", "beta"),
        "running_mean": ("running_mean",),
        "running_var": ("running_var",),
    }
    parameters = net.collect_params().values()
    assert len(parameters) == len(weights)
    for parameter, (key, value) in zip(parameters, weights.items()):
        assert parameter.name.endswith(kinds[key.rpartition(".")[2]]), key
        parameter.set_data(mx.nd.array(value, dtype=value.dtype))


def without_dropout(backend, net):
    """Dropout that keeps everything."""

    def change(layer):
        if type(layer).__name__ == "Dropout":
            setattr(layer, "p" if backend == "torch" else "_rate", 0.0)

    net.apply(change)


def count(backend, net):
    if backend == "torch":
        return sum(p.numel() for p in net.parameters() if p.requires_grad)
    parameters = net.collect_params().values()
    return sum(math.prod(p.shape) for p in parameters if p.grad_req != "null")


def batches(number, dtype="float32"):
    draw = np.random.default_rng(3)
    for _ in range(number):
        x = draw.normal(size=(BATCH, *SHAPE)).astype(dtype)
        yield x, draw.integers(CLASSES, size=BATCH)


@pytest.mark.parametrize("backend, name", CASES)
def test_it_is_the_network_of_the_zoo(backend, name):
    spec = spec_of(name)
    model = compiled(spec, backend, pf.Adam())
    weights = model.weights()
    draw = np.random.default_rng(1)
    for key, value in weights.items():
        # Statistics as after training: of fresh ones, 0 and 1, much would go unseen.
        if key.endswith(("running_mean", "running_var")):
            value += draw.uniform(0, 0.5, value.shape).astype(np.float32)
    model.load_weights(weights)
    net, trainer = start(backend, name, weights, "adam")
    ((x, y),) = batches(1)
    predictions = trainer.predict(trainer.stage(x, y))
    assert distance(predictions, model.predict(x)) < 1e-4
    assert count(backend, net) == spec.num_parameters


@pytest.fixture
def no_dropout(monkeypatch):
    """Frameworks draw otherwise than polyframe does: no spec drops anything."""
    monkeypatch.setattr("polyframe.zoo.mobile.Dropout", lambda p: pf.Dropout(0.0))


def losses(backend, name, optimizer, ours, dtype):
    """The losses of three steps, by hand and by polyframe."""
    model = compiled(spec_of(name), backend, ours, dtype)
    net, trainer = start(backend, name, model.weights(), optimizer, dtype)
    without_dropout(backend, net)
    actual, wanted = [], []
    for x, y in batches(3, dtype):
        actual.append(trainer.read(trainer.step(trainer.stage(x, y))))
        wanted.append(model.train_step(x, y))
    return np.array(actual), np.array(wanted)


@pytest.mark.parametrize("backend, name", CASES)
def test_it_trains_as_the_network_of_the_zoo(backend, name, no_dropout):
    # In float64: the deep networks' batch norms, over eight images of a pixel or a few,
    # make a thousand times as much of a rounding in every step. So even the rate counts
    # as MXNet's kernel takes it, in float32.
    taken = {"torch": float, "mxnet": np.float32}[backend]
    ours = pf.SGD(lr=float(taken(0.01)), momentum=float(taken(0.9)))
    actual, wanted = losses(backend, name, "sgd", ours, "float64")
    assert np.abs(actual - wanted).max() < 1e-8, (actual, wanted)


@pytest.mark.parametrize("backend, name", CASES)
def test_in_float32_it_starts_alike(backend, name, no_dropout):
    actual, wanted = losses(backend, name, "adam", pf.Adam(lr=1e-3), "float32")
    # For the same reason only the first loss of the deep networks; MXNet's own Adam
    # besides does not correct its epsilon.
    count = 3 if name in ("simple_cnn", "conv4") else 1
    assert np.abs(actual - wanted)[:count].max() < 1e-4, (actual, wanted)
    assert np.isfinite(actual).all()
