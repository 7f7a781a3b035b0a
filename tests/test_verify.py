"""The certificate: what it holds, and that it fails."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from click.testing import CliRunner
from failing import fails
from support import BACKENDS
from test_diff import NET, SGD, planted

from polyframe import registry
from polyframe.cli import cli
from polyframe.conformance.figures import Bound
from polyframe.conformance.subject import Subject
from polyframe.conformance.trace import KINDS, Key
from polyframe.conformance.verify import Comparison, apart, verify
from polyframe.errors import BackendError

SUBJECT = Subject(NET, optimizer=SGD)


@pytest.fixture(scope="module")
def certificate():
    return verify(SUBJECT, BACKENDS, steps=4)


def test_it_passes_and_holds_every_kind_of_tensor_of_every_pair(certificate):
    assert certificate.passed, certificate.missed[:3]
    found = certificate.comparisons
    assert {c.key.kind for c in found} == set(KINDS)
    assert {c.pair for c in found} == {
        ("torch", "tensorflow"), ("torch", "mxnet"), ("tensorflow", "mxnet")
    }  # fmt: skip
    assert {c.dtype for c in found} == {"float64", "float32"}
    assert all(c.bound.reason for c in found)
    nodes = {c.key.name for c in found if c.key.kind == "output gradient"}
    assert {"x", *(node.name for node in NET.graph.nodes)} == nodes | {"x"}


def test_its_data_say_all_that_was_compared(certificate):
    data = json.loads(json.dumps(certificate.to_data()))
    assert data["schema"] == 1
    assert data["passed"] is True
    assert data["spec"] == {"name": "net", "hash": NET.hash}
    assert set(data["backends"]) == set(data["programs"]) == set(BACKENDS)
    assert all(
        len(h) == 64 for kept in data["programs"].values() for h in kept.values()
    )
    assert len(data["figures"]) == len(certificate.comparisons)
    assert data["threads"] >= 1


@pytest.mark.parametrize(
    ("text", "new", "kind", "name"),
    [
        ("negative_slope=0.2", "negative_slope=0.2000001", "forward", "leaky"),
        ("momentum=0.9", "momentum=0.9000001", "state", "conv.weight/momentum_buffer"),
    ],
)
def test_a_planted_bug_fails_it(text, new, kind, name):
    wrong = planted("torch", text, new)
    found = verify(SUBJECT, ["mxnet", wrong], steps=3, dtypes=["float64"])
    assert type(wrong).hits
    assert not found.passed
    assert (kind, name) in {(c.key.kind, c.key.name) for c in found.missed}


def test_a_backend_that_rounds_more_fails_in_float32_only():
    wrong = planted(
        "torch", "x = self.leaky(x)", "x = self.leaky(x.bfloat16().to(x.dtype))"
    )
    found = verify(SUBJECT, ["mxnet", wrong], steps=1, dtypes=["float32"])
    assert type(wrong).hits
    assert {c.dtype for c in found.missed} == {"float32"}


def test_chaos_is_not_called_equality(certificate):
    assert certificate.chaotic < 1e-12
    wild = dataclasses.replace(certificate, chaotic=1e-8)
    assert not wild.missed
    assert not wild.passed
    assert wild.to_data()["chaos"] == {"distance": 1e-8, "bound": 1e-9}


def test_nothing_passes_by_accident():
    key, bound = Key(1, "forward", "x"), Bound(1.0, "")
    assert not Comparison("float64", ("a", "b"), key, float("nan"), bound).passed
    for a, b in (([np.nan], [np.nan]), ([np.inf], [np.inf]), ([1.0, 1.0], [1.0])):
        assert apart(a, b, 1.0) == float("inf")
    assert apart([1.0], [0.0], 0.0) == float("inf")


def test_two_usable_backends_are_needed():
    fails(BackendError, lambda: verify(SUBJECT, ["torch"]), "two backends are needed")
    fails(
        BackendError,
        lambda: verify(SUBJECT, ["torch", "caffe"]),
        "unknown backend 'caffe'",
    )


def invoke(*args):
    return CliRunner().invoke(cli, ["verify", *args])


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(NET.to_yaml())
    return str(path)


def test_the_command_writes_the_certificate(spec, tmp_path):
    out = tmp_path / "certificate"
    args = (spec, "-b", "torch", "-b", "mxnet", "--steps", "2", "--dtype", "float64")
    result = invoke(*args, "-o", str(out))
    assert result.exit_code == 0, result.output
    assert "net: equal on torch, mxnet (float64; 2 steps)" in result.output
    assert json.loads((out / "certificate.json").read_text())["passed"]


def test_the_command_fails_where_something_is_out_of_bounds(spec, monkeypatch):
    wrong = planted("torch", "negative_slope=0.2", "negative_slope=0.21")
    real = registry._named
    monkeypatch.setattr(
        registry, "_named", lambda name: wrong if name == "torch" else real(name)
    )
    result = invoke(spec, "-b", "mxnet", "-b", "torch", "--steps", "1")
    assert result.exit_code == 1
    assert "net: NOT equal on mxnet, torch" in result.output
    assert "`polyframe diff … -b mxnet -b torch` shows where" in result.output


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["simple_cnn", "-b", "torch"], "two backends are needed"),
        (["simple_cnn", "-b", "caffe"], "unknown backend 'caffe'"),
        (["resnet18", "--input-shape", "3x32"], "'3x32' is no shape such as 3,32,32"),
        (["digits_cnn.yaml", "--width", "0.5"], "are for shipped models"),
    ],
)
def test_what_is_wrong_is_told(args, message):
    result = invoke(*args)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
