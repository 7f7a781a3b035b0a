"""The localiser names the place at which two backends diverge."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.changed import planted
from helpers.support import PAIRS

import polyframe as pf
from polyframe.cli import cli
from polyframe.conformance.localise import compare, localise
from polyframe.conformance.subject import Subject
from polyframe.contract import registry

NET = pf.Sequential(
    [
        pf.Conv2D(4, 3, padding=((0, 1), (1, 0)), bias=False, name="conv"),
        pf.BatchNorm(name="norm"), pf.LeakyReLU(0.2, name="leaky"),
        pf.MaxPool2D(2, name="pool"), pf.ReLU(name="relu"),
        pf.Dropout(0.3, name="drop"), pf.Flatten(name="flatten"),
        pf.Dense(5, name="fc1"), pf.ReLU6(name="relu6"), pf.Dense(3, name="fc2"),
    ],
    (2, 6, 6), name="net",
)  # fmt: skip
ADAM = pf.Adam(1e-2, weight_decay=0.1)
SGD = pf.SGD(0.01, momentum=0.9, weight_decay=0.1, decay_on="kernels")


def stale(session):
    """Does not take over the optimizer's state."""
    load = session.set_training_state
    session.set_training_state = lambda state, step: load(
        {k: np.zeros_like(v) for k, v in state.items()}, step
    )
    return session


BUGS = {
    "padding on the wrong side": (
        "torch", "F.pad(x, (1, 0, 0, 1)", "F.pad(x, (0, 1, 1, 0)", SGD,
        ("forward", "conv", "Conv2D", True),
    ),
    "slope of LeakyReLU": (
        "torch", "negative_slope=0.2", "negative_slope=0.21", SGD,
        ("forward", "leaky", "LeakyReLU", True),
    ),
    "gradient of ReLU6 stopped": (
        "torch", "x = self.relu6(x)", "x = self.relu6(x.detach())", SGD,
        ("output gradient", "relu6", "ReLU6", False),
    ),
    "momentum without the rate": (
        "torch", "momentum=0.9", "momentum=0.8", SGD,
        ("weights", None, "SGD", True),
    ),
    "decay of Adam": (
        "torch", "weight_decay=0.1", "weight_decay=0.11", ADAM,
        ("weights", None, "Adam", True),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_named(name):
    backend, text, new, optimizer, (kind, layer, entry, blamed) = BUGS[name]
    wrong = planted(backend, text, new)
    divergence = localise(
        Subject(NET, optimizer=optimizer), "tensorflow", wrong, steps=3
    )
    assert type(wrong).hits, "the bug was not planted"
    assert divergence is not None
    assert divergence.entry == entry
    assert divergence.key.kind in (kind, "inference" if kind == "forward" else kind)
    assert layer is None or divergence.layer == layer
    assert divergence.blamed == (backend if blamed else None)
    assert divergence.worst and entry in str(divergence)


def test_a_state_that_is_not_taken_over_is_found():
    wrong = planted("torch", "", "", stale)
    divergence = localise(Subject(NET, optimizer=SGD), "mxnet", wrong, steps=2)
    assert divergence is not None
    assert divergence.key.step == 3
    assert divergence.entry == "SGD"


@pytest.mark.parametrize(("one", "other"), PAIRS)
@pytest.mark.parametrize("optimizer", [SGD, ADAM], ids=lambda o: o.type)
def test_backends_agree(one, other, optimizer):
    agreement = compare(Subject(NET, optimizer=optimizer), one, other, steps=3)
    assert agreement.divergence is None, str(agreement.divergence)
    assert agreement.steps == 3
    assert agreement.tensors > 100
    assert agreement.worst < 1e-9


def invoke(*args):
    return CliRunner().invoke(cli, ["diff", *args])


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(NET.to_yaml())
    return str(path)


def test_the_command_says_that_they_agree(spec):
    result = invoke(spec, "-b", "torch", "-b", "mxnet", "--steps", "2")
    assert result.exit_code == 0, result.output
    assert "net: torch and mxnet agree in float64: 2 steps," in result.output


def test_the_command_says_where_they_diverge(spec, monkeypatch):
    wrong = planted("torch", "negative_slope=0.2", "negative_slope=0.21")
    real = registry._named
    monkeypatch.setattr(
        registry, "_named", lambda name: wrong if name == "torch" else real(name)
    )
    result = invoke(spec, "-b", "mxnet", "-b", "torch")
    assert result.exit_code == 1
    assert "mxnet and torch diverge at step 1, inference of leaky" in result.output
    assert "torch differs from the definition" in result.output
    text = " ".join(result.output.split())
    result = invoke(spec, "-b", "mxnet", "-b", "torch", "--json")
    data = json.loads(result.stdout)
    assert data["divergence"]["layer"] == "leaky"
    assert data["divergence"]["blamed"] == "torch"
    assert data["divergence"]["causes"][0]["id"] == "leaky-slope"
    assert "Known cause: Another slope by default (leaky-slope)." in text


@pytest.mark.parametrize("backends", [["torch"], ["torch", "torch"]])
def test_two_backends_are_needed(spec, backends):
    result = invoke(spec, *(word for b in backends for word in ("-b", b)))
    assert result.exit_code == 2
    assert "Two different backends are needed" in result.output


def test_the_folder_holds_the_finding_and_what_ran(spec, tmp_path):
    out = tmp_path / "deep" / "difference"
    result = invoke(spec, "-b", "torch", "-b", "mxnet", "--steps", "1", "-o", str(out))
    assert result.exit_code == 0, result.output
    names = ["diff.json", "program_mxnet.py", "program_torch.py"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert json.loads((out / "diff.json").read_text())["agree"] is True
    assert "nn.Conv2d(2, 4, kernel_size=3" in (out / "program_torch.py").read_text()
    assert "gluon.HybridBlock" in (out / "program_mxnet.py").read_text()


@pytest.mark.parametrize("command", ["diff", "verify"])
def test_a_file_in_the_folders_place_is_told_before_the_work(spec, tmp_path, command):
    (tmp_path / "taken").write_text("mine")
    args = [spec, "-b", "torch", "-b", "mxnet", "-o", str(tmp_path / "taken")]
    result = CliRunner().invoke(cli, [command, *args])
    assert result.exit_code == 2
    assert "taken: File exists" in result.output
    assert (tmp_path / "taken").read_text() == "mine"
