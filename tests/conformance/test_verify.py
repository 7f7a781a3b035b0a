"""The certificate: what it holds, and that it fails."""

from __future__ import annotations

import dataclasses
import json
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.changed import planted
from helpers.failing import fails
from helpers.support import BACKENDS
from test_diff import NET, SGD

import polyframe as pf
from polyframe.cli import cli
from polyframe.conformance.certificate import Comparison
from polyframe.conformance.measurements import Bound, scaled_distance
from polyframe.conformance.page import bar, page
from polyframe.conformance.subject import Subject
from polyframe.conformance.trace import KINDS, Key
from polyframe.conformance.verify import verify
from polyframe.contract import registry
from polyframe.errors import BackendError, PolyframeError

SUBJECT = Subject(NET, optimizer=SGD)


@pytest.fixture(scope="module")
def certificate():
    return verify(SUBJECT, BACKENDS, steps=4)


def test_it_passes_and_holds_every_kind_of_tensor_of_every_pair(certificate):
    assert certificate.passed, certificate.missed[:3]
    comparisons = certificate.comparisons
    assert {c.key.kind for c in comparisons} == set(KINDS) - {"precision"}
    assert {c.pair for c in comparisons} == {
        ("torch", "tensorflow"), ("torch", "mxnet"), ("tensorflow", "mxnet")
    }  # fmt: skip
    assert {c.dtype for c in comparisons} == {"float64", "float32"}
    assert all(c.bound.reason for c in comparisons)
    nodes = {c.key.name for c in comparisons if c.key.kind == "output gradient"}
    assert {"x", *(node.name for node in NET.graph.nodes)} == nodes | {"x"}


def test_its_data_say_all_that_was_compared(certificate):
    data = json.loads(json.dumps(certificate.to_data()))
    assert data["schema"] == 2
    assert data["passed"] is True
    assert data["spec"] == {"name": "net", "hash": NET.hash}
    assert set(data["backends"]) == set(data["programs"]) == set(BACKENDS)
    assert all(
        len(h) == 64 for kept in data["programs"].values() for h in kept.values()
    )
    assert len(data["comparisons"]) == len(certificate.comparisons)
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
    verification = verify(SUBJECT, ["mxnet", wrong], steps=3, dtypes=["float64"])
    assert type(wrong).hits
    assert not verification.passed
    assert (kind, name) in {(c.key.kind, c.key.name) for c in verification.missed}


def test_a_backend_that_rounds_more_fails_in_float32_only():
    wrong = planted(
        "torch", "x = self.leaky(x)", "x = self.leaky(x.bfloat16().to(x.dtype))"
    )
    verification = verify(SUBJECT, ["mxnet", wrong], steps=1, dtypes=["float32"])
    assert type(wrong).hits
    assert {c.dtype for c in verification.missed} == {"float32"}


def test_float32_betas_are_no_disagreement():
    """TensorFlow's and MXNet's kernels take 1 - beta2 in float32, 1.3e-5 off."""
    subject = Subject(NET, optimizer=pf.Adam())
    verification = verify(subject, ["torch", "mxnet"], steps=3, dtypes=["float32"])
    assert verification.passed, verification.missed[:3]


def test_its_page_escapes_a_strangers_names_and_shows_what_failed(certificate):
    data = json.loads(json.dumps(certificate.to_data()))
    text = page(data)
    assert "equal</span>" in text
    assert "http" not in text
    for kind in set(KINDS) - {"precision"}:
        assert f">{kind}</th>" in text
    data["spec"]["name"] = "<script>alert(1)</script>"
    data["comparisons"][3] |= {
        "passed": False,
        "value": float("nan"),
        "name": "<b>x</b>",
    }
    data["passed"] = False
    text = page(data)
    assert "<script" not in text
    assert "<b>" not in text
    assert "not equal</span>" in text
    assert f"1 of {len(data['comparisons'])} values are out of bounds" in text


@pytest.mark.parametrize(
    ("value", "full"),
    [(0.0, 0), (1e-9, 0), (1e-2, 50), (1.0, 100), (9.0, 100), (float("nan"), 100)],
)
def test_a_bar_is_full_at_the_bound(value, full):
    assert bar({"value": value, "bound": 1.0}) == full


def test_without_jinja_the_way_out_is_told(certificate, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    fails(PolyframeError, lambda: page(certificate.to_data()), "polyframe[html]")


def test_in_a_notebook_it_shows_its_verdict_and_the_worst_values(certificate):
    forms = certificate._repr_mimebundle_()
    lines, html = forms["text/plain"].splitlines(), forms["text/html"]
    assert lines[0] == "net on torch, tensorflow, mxnet: equal"
    assert lines[1].startswith("net: equal on torch, tensorflow, mxnet (float64")
    assert html.count("<tr>") == 1 + len(list(certificate.worst()))
    assert '<span class="pf-good">equal</span>' in html
    worst = max(
        (c for c in certificate.comparisons if c.key.kind == "state"),
        key=lambda c: c.value / c.bound.value,
    )
    assert f"<td>{worst.key.name}, step {worst.key.step}</td>" in html
    broken = dataclasses.replace(worst, value=1.0)
    others = [c for c in certificate.comparisons if c is not worst]
    failed = dataclasses.replace(certificate, comparisons=[*others, broken])
    html = failed._repr_html_()
    assert '<span class="pf-bad">not equal</span>' in html and "1 FAILED" in html
    assert repr(failed) == "<Certificate of net: not equal>"


def test_chaos_is_not_called_equality(certificate):
    assert certificate.growth["float64"] < 1e-12
    for growth in (1e-8, float("nan")):
        wild = dataclasses.replace(certificate, growth={"float64": growth})
        assert not wild.missed
        assert wild.chaotic
        assert not wild.passed
        assert wild.to_data()["passed"] is False


def test_what_float32_cannot_tell_is_said(certificate):
    assert not certificate.inconclusive
    growth = certificate.growth | {"float32": 0.3}
    vague = dataclasses.replace(certificate, growth=growth)
    assert vague.passed
    assert vague.inconclusive
    assert "only the float32 comparisons at step 1 are conclusive" in page(
        vague.to_data()
    )


def test_nothing_passes_by_accident():
    key, bound = Key(1, "forward", "x"), Bound(1.0, "")
    assert not Comparison("float64", ("a", "b"), key, float("nan"), bound).passed
    for a, b in (([np.nan], [np.nan]), ([np.inf], [np.inf]), ([1.0, 1.0], [1.0])):
        assert scaled_distance(a, b, 1.0) == float("inf")
    assert scaled_distance([1.0], [0.0], 0.0) == float("inf")


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
    assert "equal</span>" in (out / "certificate.html").read_text()


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
        (
            ["resnet18", "--input-shape", "3x32"],
            "'3x32' is not a shape such as 3,32,32",
        ),
        (["digits_cnn.yaml", "--width", "0.5"], "are for shipped models"),
    ],
)
def test_what_is_wrong_is_told(args, message):
    result = invoke(*args)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
