"""The Keras programs of the benchmark compute what polyframe's specs say.

Compared with polyframe's PyTorch programs, which have no Keras in them and run next to
each of its backends. A process has one backend: this one has TensorFlow's, and this
file, run as a script, checks two of the models on that of KERAS_BACKEND.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

import keras
import numpy as np
import pytest
from helpers.support import distance

import polyframe as pf
from polyframe.zoo.blocks import scaled

HERE = Path(__file__).parent
HANDWRITTEN = HERE.parent / "handwritten"
MODELS = ("simple_cnn", "conv4", "cifar_resnet20", "mobilenet_v2", "densenet121")
SHAPE, WIDTH, CLASSES = (3, 32, 32), 0.25, 10


@cache
def load(name):
    """A program, loaded by its path: "keras" and "tensorflow" are packages, too."""
    path = HANDWRITTEN / f"{name}.py"
    described = importlib.util.spec_from_file_location(name.replace("/", "_"), path)
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    return module


def written(name):
    return load(f"keras/{name}").make(CLASSES, SHAPE, WIDTH)


def conv4(num_classes, input_shape, width):
    layers = []
    for number in range(1, 5):
        layers += [
            pf.Conv2D(scaled(64, width), 3, padding="same", name=f"conv{number}"),
            pf.BatchNorm(name=f"bn{number}"),
            pf.ReLU(name=f"relu{number}"),
            pf.MaxPool2D(2, name=f"pool{number}"),
        ]
    layers += [pf.Flatten(name="flatten"), pf.Dense(num_classes, name="fc")]
    return pf.Sequential(layers, input_shape=input_shape, name="conv4")


def spec(name):
    make = getattr(pf.zoo, name, None) or {"conv4": conv4}[name]
    return make(num_classes=CLASSES, input_shape=SHAPE, width=WIDTH)


def data():
    random = np.random.default_rng(0)
    x = random.standard_normal((8, *SHAPE)).astype(np.float32)
    return x, random.integers(0, CLASSES, 8)


def reference(name, optimizer="adam"):
    """polyframe's program, with weights of its own: those of a new model would not tell
    a scale from a variance, and the images would hardly reach the end of a deep one."""
    known = {"adam": pf.Adam(1e-3), "sgd": pf.SGD(0.01, momentum=0.9)}[optimizer]
    model = pf.compile(
        spec(name), "torch", loss="cross_entropy", optimizer=known, device="cpu"
    )
    random = np.random.default_rng(1)
    model.load_weights(
        {key: draw(key, value.shape, random) for key, value in model.weights().items()}
    )
    return model


def draw(key, shape, random):
    if len(shape) > 1:  # He et al. 2015
        drawn = random.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
    elif key.endswith(("bias", "running_mean")):
        drawn = random.normal(0, 0.1, shape)
    else:
        drawn = random.uniform(0.5, 1.5, shape)
    return drawn.astype(np.float32)


def give(weights, network):
    """Canonical weights for a Keras model; both have the layers in the same order."""
    kept = {}
    for name, value in weights.items():
        layer, _, kind = name.rpartition(".")
        kept.setdefault(layer, {})[kind] = value
    chain = list(pairwise([None, *network.layers]))
    weighty = [(before, layer) for before, layer in chain if layer.weights]
    assert len(weighty) == len(kept)
    for (before, layer), values in zip(weighty, kept.values()):
        layer.set_weights(arranged(before, layer, values))


def arranged(before, layer, values):
    if isinstance(layer, keras.layers.BatchNormalization):
        return [values[k] for k in ("weight", "bias", "running_mean", "running_var")]
    kernel = values["weight"]
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        kernel = kernel.transpose(2, 3, 0, 1)  # (C, 1, kh, kw) → (kh, kw, C, 1)
    elif isinstance(layer, keras.layers.Conv2D):
        kernel = kernel.transpose(2, 3, 1, 0)  # OIHW → HWIO
    else:
        if isinstance(before, keras.layers.Flatten):  # of (H, W, C), not (C, H, W)
            _, rows, columns, channels = before.input.shape
            kernel = kernel.reshape(-1, channels, rows, columns).transpose(0, 2, 3, 1)
        kernel = kernel.reshape(len(kernel), -1).T
    return [kernel, *([values["bias"]] if "bias" in values else [])]


def check_prediction(name, training):
    model, network, (x, y) = reference(name), written(name), data()
    count = sum(np.prod(v.shape) for v in network.trainable_variables)
    assert count == spec(name).num_parameters
    trainer = load(training).Trainer(network)
    give(model.weights(), network)
    predictions = trainer.predict(trainer.stage(x, y))
    assert isinstance(predictions, np.ndarray)
    assert distance(predictions, model.predict(x)) <= 1e-4
    assert distance(predictions[:4], predictions[4:]) > 0.1  # the images matter


def check_steps(name, training, optimizer):
    model, network, (x, y) = reference(name, optimizer), written(name), data()
    trainer = load(training).Trainer(network, optimizer)
    give(model.weights(), network)
    batch = trainer.stage(x, y)
    losses = [trainer.read(trainer.step(batch)) for _ in range(3)]
    wanted = [model.train_step(x, y) for _ in range(3)]
    assert wanted[0] != wanted[2]
    np.testing.assert_allclose(losses, wanted, rtol=1e-3)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("training", ["keras/training", "tensorflow/training"])
def test_keras_prediction(name, training):
    assert keras.backend.backend() == "tensorflow"
    check_prediction(name, training)


STEPS = [
    pytest.param(name, rule, marks=[pytest.mark.full] * (not quick))
    for name, rule, quick in (
        ("simple_cnn", "adam", True), ("simple_cnn", "sgd", True),
        ("conv4", "adam", True), ("conv4", "sgd", False),
        ("cifar_resnet20", "adam", False), ("cifar_resnet20", "sgd", False),
    )
]  # fmt: skip


@pytest.mark.parametrize(("name", "optimizer"), STEPS)
@pytest.mark.parametrize("training", ["keras/training", "tensorflow/training"])
def test_keras_steps(name, training, optimizer):
    check_steps(name, training, optimizer)


@pytest.mark.parametrize(
    "backend", ["torch", pytest.param("jax", marks=pytest.mark.full)]
)
def test_keras_on_other_backends(backend):
    done = subprocess.run(
        [sys.executable, __file__],
        env=os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(HERE.parent)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [backend, "simple_cnn", "conv4"]


if __name__ == "__main__":
    print(keras.backend.backend())
    for model_name in ("simple_cnn", "conv4"):
        check_prediction(model_name, "keras/training")
        check_steps(model_name, "keras/training", "adam")
        print(model_name)
