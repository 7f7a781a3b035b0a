"""A plug-in's weight whose native shape is another one than its canonical (C,): in
weights, gradients, optimizer state, checkpoints and files, on every backend."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from helpers.opening import Opening
from helpers.support import BACKENDS, distance

import polyframe as pf
from polyframe.compiler.program import Slot
from polyframe.conformance import check_layer
from polyframe.conformance.measurements import scaled_distance
from polyframe.contract import registry

SNIPPETS = {
    "torch": '''
import torch
from torch import nn


class Gain(nn.Module):
    """A factor for each channel."""

    def __init__(self, channels):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x):
        return x * self.gain
''',
    "tensorflow": '''
from tensorflow.keras import layers


class Gain(layers.Layer):
    """A factor for each channel."""

    def __init__(self, channels):
        super().__init__()
        self.gain = self.add_weight(shape=(1, 1, channels), name="gain")

    def call(self, x):
        return x * self.gain
''',
    "mxnet": '''
from mxnet.gluon import nn


class Gain(nn.HybridBlock):
    """A factor for each channel."""

    def __init__(self, channels):
        super().__init__()
        self.gain = self.params.get("gain", shape=(channels, 1, 1))

    def hybrid_forward(self, F, x, gain):
        return F.broadcast_mul(x, gain)
''',
}
LAYER = """
from pathlib import Path

import numpy as np

from polyframe.compiler.program import Slot
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import call
from polyframe.compiler.table import add_entries
from polyframe.spec.element import define
from polyframe.spec.initializers import Uniform
from polyframe.spec.layers.base import Layer, Parameter


@define
class Gain(Layer):
    '''A factor for each channel. Weights: ``weight`` (C,).'''

    examples = (({}, ((3, 4, 5),)), ({}, ((3, 3, 3),)))

    def infer(self, *shapes):
        return shapes[0]

    def parameters(self, *shapes):
        return {"weight": Parameter((shapes[0][0],), Uniform(0.5))}

    def define(self, at, *x):
        return x[0] * at["weight"][:, None, None]


def written(shape):
    def write(view):
        count = view.shape[0]
        native = tuple(n or count for n in shape)
        slot = Slot("gain", shape=native, canonical=(count,))
        return Code(
            make=call("Gain", {"channels": count}),
            weights={"weight": slot},
            snippets=("Gain",),
        )
    return write


for name, shape in (
    ("torch", (0, 1, 1)), ("tensorflow", (1, 1, 0)), ("mxnet", (0, 1, 1))
):
    text = Path(__file__).with_name(f"{name}.py")
    add_entries(name, {"Gain": entry(written(shape), snippets=text)})
"""
ADAM = pf.Adam(0.01)


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gain")
    for name, text in SNIPPETS.items():
        (folder / f"{name}.py").write_text(text)
    (folder / "gain.py").write_text(LAYER)
    gain = pf.load_plugin(folder / "gain.py").Gain
    layers = [
        pf.Conv2D(3, 3, name="conv"), gain(name="gain"), pf.Flatten(),
        pf.Dense(2, name="fc"),
    ]  # fmt: skip
    return pf.Sequential(layers, (2, 5, 6), name="gained")


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(3)
    return rng.normal(size=(8, 2, 5, 6)), rng.normal(size=(8, 2))


def compiled(spec, backend, **options):
    options = {"dtype": "float64", "device": "cpu", "ema": 0.5} | options
    return pf.compile(spec, backend, "mse", ADAM, **options)


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_array_has_the_canonical_shape(spec, batch, backend):
    model = compiled(spec, backend)
    for _ in range(2):
        model.train_step(*batch)
    shapes = {name: p.shape for name, p in model.graph.parameters.items()}
    assert shapes["gain.weight"] == (3,)
    assert {n: w.shape for n, w in model.weights().items()} == shapes
    assert {n: g.shape for n, g in model.gradients(*batch).items()} == shapes
    state = model.training_state()
    for kind in (*ADAM.state, "average"):
        assert state[f"gain.weight/{kind}"].shape == (3,), kind
    for key, value in state.items():
        assert value.shape == shapes[key.rpartition("/")[0]], key


@pytest.mark.parametrize("backend", BACKENDS)
def test_training_is_the_same_as_on_torch(spec, batch, backend):
    reference, model = compiled(spec, "torch"), compiled(spec, backend)
    for _ in range(3):
        reference.train_step(*batch)
        model.train_step(*batch)
    for kind in ("weights", "training_state"):
        wanted = getattr(reference, kind)()
        for name, value in getattr(model, kind)().items():
            assert distance(value, wanted[name]) < 1e-10, (kind, name)


@pytest.mark.parametrize("there", BACKENDS)
@pytest.mark.parametrize("here", BACKENDS)
def test_files_and_checkpoints_go_from_one_backend_to_another(
    spec, batch, here, there, tmp_path
):
    first = compiled(spec, here)
    checkpoints = [pf.ModelCheckpoint()]
    first.fit(*batch, epochs=2, batch_size=4, callbacks=checkpoints, folder=tmp_path)
    first.save_weights(tmp_path / "w.safetensors")
    second = compiled(spec, there, seed=0)
    second.load_weights(tmp_path / "w.safetensors")
    assert np.array_equal(
        second.weights()["gain.weight"], first.inference_weights()["gain.weight"]
    )
    third = compiled(spec, there)
    third.fit(*batch, epochs=3, batch_size=4, resume=tmp_path / "checkpoint")
    whole = compiled(spec, there)
    whole.fit(*batch, epochs=3, batch_size=4)
    for name, value in third.weights().items():
        assert distance(value, whole.weights()[name]) < 1e-10, name


def test_its_conformance_holds(spec):
    measurements = check_layer("Gain", BACKENDS)
    assert [str(f) for f in measurements if not f.passed] == []
    assert {f.what for f in measurements} >= {
        "weights loaded, and read again", "gradients between backends, float64",
    }  # fmt: skip


class Raw(Slot):
    """A slot that forgets the canonical shape on the way back."""

    def to_canonical(self, value):
        return value


def raw(backend):
    """A backend whose sessions hand native shapes out, as PyTorch's once did."""
    real = type(registry.get(backend))

    class Wrong(Opening, real):
        def write(self, *args):
            program = super().write(*args)
            slots = {
                name: Raw(*dataclasses.astuple(slot))
                for name, slot in program.weights.items()
            }
            return dataclasses.replace(program, weights=slots)

    return Wrong()


def test_check_layer_fails_on_a_native_shape(spec):
    missed = {
        f.what for f in check_layer("Gain", [raw("torch"), "mxnet"]) if not f.passed
    }
    assert missed >= {
        "weights loaded, and read again",
        "gradients against central differences",
        "gradients between backends, float64",
    }


def test_distances_do_not_broadcast():
    one = np.ones(3)
    assert scaled_distance(one, one, 1.0) == 0
    assert scaled_distance(one.reshape(3, 1, 1), one, 1.0) == np.inf
    assert scaled_distance(one, 1.0, 1.0) == np.inf
