"""What a backend says it can do is asked before anything is opened."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from helpers.failing import fails
from helpers.support import BACKENDS

import polyframe as pf
from polyframe import conformance
from polyframe.conformance.localise import localise
from polyframe.conformance.subject import Subject
from polyframe.conformance.verify import verify
from polyframe.contract import abilities, registry
from polyframe.contract.backend import Backend
from polyframe.contract.devices import Device, choose_device
from polyframe.contract.session import (
    InferenceSession,
    PhasedSession,
    StagedBatch,
    TrainingSession,
)
from polyframe.data import load
from polyframe.eject.write import eject
from polyframe.run.train import train
from polyframe.spec.recipe import load_recipe

NET = pf.Sequential([pf.Dense(2, name="fc")], (3,), name="net")


def infers_only():
    """A backend that only infers, and imports nothing when it refuses."""

    class Infers(type(registry.get("torch"))):
        name = "infers"
        abilities = frozenset({"infer"})
        open_training = Backend.open_training
        asked = 0

        def probe(self):
            Infers.asked += 1
            return super().probe()

    return Infers()


def only(options):
    """What the error says, after the backend's name."""
    return f"the infers backend cannot {options}"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"loss": "mse"}, "train"),
        ({"dtype": "float64"}, "compute in float64"),
        ({"precision": "bfloat16"}, "compute in bfloat16"),
        ({"precision": "float16"}, "compute in float16"),
        ({"device": "gpu"}, "use a GPU"),
        ({"device": "cuda:0"}, "use a GPU"),
        ({"semantics": "native"}, "write the framework's own semantics"),
    ],
)
def test_compile_refuses_before_the_framework_is_asked_for(options, text):
    backend = infers_only()
    with pytest.raises(pf.UnsupportedError) as caught:
        pf.compile(NET, backend, **options)
    assert only(text) in str(caught.value)
    for name in BACKENDS:
        assert name in caught.value.hint
    assert caught.value.hint.startswith("backends that can: ")
    assert type(backend).asked == 0


def test_a_backend_that_only_infers_needs_no_method_that_trains():
    backend = infers_only()
    model = pf.compile(NET, backend, device="cpu")
    x = np.ones((4, 3), "f")
    weights = model.weights()
    wanted = x @ weights["fc.weight"].T + weights["fc.bias"]
    assert np.allclose(model.predict(x), wanted, atol=1e-6)
    assert model.activations(x).keys() == {"fc"}
    assert not isinstance(model.engine.program_session, TrainingSession)
    fails(pf.PolyframeError, lambda: model.training_state(), "this model has no loss")
    said = "activations in training mode: the infers backend cannot train"
    fails(pf.UnsupportedError, lambda: model.activations(x, training=True), said)


def test_conformance_asks_for_inference_alone():
    checks = conformance.checks(infers_only())
    assert {check.family for check in checks} == {"gaps", "layers", "files"}
    assert {c.dtype for c in checks if c.what != "formula"} == {"float32"}
    words = {check.entry for check in checks if check.family == "gaps"}
    assert "Dense" in words and not {"mse", "Adam"} & words
    (dense,) = (c for c in checks if (c.family, c.entry) == ("layers", "Dense"))
    whats = {measurement.what for measurement in dense.run()}
    assert whats == {"float32 error / NumPy's float32 error", "predict, float32"}
    assert conformance.checks(infers_only(), ["losses", "training", "features"]) == []


def test_train_eject_and_certificates_refuse_too(tmp_path):
    backend = infers_only()
    recipe = load_recipe("digits_cnn")
    run = tmp_path / "run"
    for call, text in (
        (lambda: train(recipe, backend, run), "train"),
        (lambda: eject(recipe, backend, run, load("digits")), "eject scripts"),
        (lambda: verify(Subject(NET, loss="mse"), ["torch", backend]), "train"),
        (lambda: localise(Subject(NET, loss="mse"), backend, "torch"), "train"),
    ):
        with pytest.raises(pf.UnsupportedError, match=only(text)):
            call()
    assert type(backend).asked == 0
    assert not run.exists()


@pytest.mark.parametrize("name", registry.backends())
def test_what_is_stated_is_in_the_list(name):
    assert abilities.unknown(registry.get(name).abilities) == []
    assert "infer" in registry.get(name).abilities


def test_an_unknown_ability_is_told(monkeypatch):
    class Wrong(type(registry.get("torch"))):
        name = "wrong"
        abilities = frozenset({"infer", "trian"})

    said = ": states an unknown ability 'trian'. Did you mean 'train'"
    fails(pf.BackendError, lambda: registry.register(Wrong), f"register{said}")
    point = type("Point", (), {"load": lambda self: Wrong})()
    monkeypatch.setattr(registry, "_points", lambda: {"wrong": point})
    fails(pf.BackendError, lambda: registry.get("wrong"), f"wrong{said}")


def test_backends_that_can_are_named_and_broken_ones_left_out(monkeypatch):
    assert set(registry.backends_with("eject")) >= set(BACKENDS)
    assert registry.backends_with("processes") == []
    names = [*BACKENDS, "broken"]
    monkeypatch.setattr(registry, "backends", lambda: names)
    assert registry.backends_with("train") == list(BACKENDS)


@pytest.mark.parametrize("name", BACKENDS)
def test_sessions_are_what_the_abilities_say(name):
    model = pf.compile(NET, name, "mse", device="cpu")
    assert "phases" in model.backend.abilities
    assert isinstance(model.engine.session, PhasedSession)
    predicting = model.engine.predicting()
    assert isinstance(predicting, InferenceSession)
    assert not isinstance(predicting, TrainingSession)


# --- devices and staged batches -------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "gpus", "wanted"),
    [
        ("auto", 0, Device("cpu", 0, "c")),
        ("auto", 2, Device("gpu", 0, "g0")),
        ("cpu", 2, Device("cpu", 0, "c")),
        ("gpu", 1, Device("gpu", 0, "g0")),
        ("gpu:1", 2, Device("gpu", 1, "g1")),
        ("cuda:1", 2, Device("gpu", 1, "g1")),
    ],
)
def test_a_device_is_chosen(given, gpus, wanted):
    device = choose_device(given, gpus, "It", "c", "g{}")
    assert device == wanted and device.is_gpu == (wanted.kind == "gpu")
    with pytest.raises(dataclasses.FrozenInstanceError):
        device.index = 3


@pytest.mark.parametrize(
    ("given", "gpus", "message"),
    [
        ("gpu", 0, "device 'gpu' is not there: It sees none"),
        ("gpu:2", 2, "device 'gpu:2' is not there: It sees 2 of them"),
        ("tpu", 0, "unknown device 'tpu'"),
        ("auto:1", 2, "unknown device 'auto:1'"),
        (0, 2, "device is 0; 'auto', 'cpu' or 'gpu' is needed"),
    ],
)
def test_a_device_that_is_not_there_is_told(given, gpus, message):
    fails(pf.BackendError, lambda: choose_device(given, gpus, "It"), message)


@pytest.mark.parametrize(
    ("batch", "forward", "step"),
    [
        (StagedBatch(["x"], ["y"], [], [], 8), ("x",), ("x", "y", 8)),
        (
            StagedBatch(["x"], ["y"], ["w"], ["r", "s"], 8),
            ("x", ["r", "s"]),
            ("x", "y", "w", ["r", "s"], 8),
        ),
        (
            StagedBatch(["a", "b"], ["y", "z"], ["v", "w"], ["r"], 8),
            ("a", "b", ["r"]),
            (["a", "b"], ["y", "z"], ["v", "w"], ["r"], 8),
        ),
    ],
)
def test_a_batch_gives_what_the_program_takes(batch, forward, step):
    assert batch.forward_arguments == forward
    assert batch.step_arguments == step
