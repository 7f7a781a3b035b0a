"""The suite as data, and that each kind of check can fail."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from helpers.changed import changed
from helpers.failing import fails
from helpers.support import BACKENDS

import polyframe as pf
from polyframe import conformance
from polyframe.compiler.table import Entry
from polyframe.conformance.measurements import FORWARD, Measurement, distance
from polyframe.conformance.suite import Check
from polyframe.contract import registry
from polyframe.contract.backend import Probe
from polyframe.contract.gaps import Gap, Witness, load_gaps
from polyframe.errors import BackendError, ConformanceError

on_each = pytest.mark.parametrize("backend", BACKENDS)


def of(backend, entry, families=conformance.FAMILIES):
    checks = [c for c in conformance.checks(backend, families) if c.entry == entry]
    assert checks
    return checks


@on_each
def test_every_gap_is_declared_and_still_open(backend):
    for check in conformance.checks(backend, ["gaps"]):
        assert check.run()


def test_what_is_missing_has_to_be_declared():
    torch = registry.get("torch")
    table = {k: v for k, v in torch.table.items() if k not in ("ReLU", "SGD")}
    poor = changed("torch", table=table, gaps=())
    (check,) = of(poor, "ReLU", ["gaps"])
    fails(ConformanceError, check.run, "neither written nor in gaps.yaml")
    (check,) = of(poor, "SGD", ["gaps"])
    fails(ConformanceError, check.run, "neither written nor in gaps.yaml")
    told = changed("torch", table=table, gaps=(Gap(("ReLU",), "ours", "No time."),))
    for check in of(told, "ReLU", ["gaps"]):
        check.run()
    model = pf.Sequential([pf.ReLU()], (3,), name="net")
    fails(pf.PolyframeError, lambda: pf.compile(model, told), "No time. (ours)")


@pytest.mark.parametrize(
    ("gap", "message"),
    [
        (Gap(("ReLU",), "ours", "No time."), "the gap has healed, remove it"),
        (Gap(("ReLUU",), "ours", "No time."), "there is no such entry"),
        (
            Gap(("ReLU",), "upstream", "Wrong.", Witness(inputs=((3,),))),
            "compiles: the gap has healed",
        ),
    ],
)
def test_a_gap_that_has_healed_or_matches_nothing_fails(gap, message):
    backend = changed("torch", gaps=(gap,))
    check = of(backend, gap.entries[0], ["gaps"])[-1]
    fails(ConformanceError, check.run, message)


def test_a_gap_that_would_be_right_if_it_were_let_in_has_healed():
    torch = registry.get("torch")
    (form,) = torch.table["ReLU"].forms
    shut = dataclasses.replace(form, when=lambda view: False)
    gap = Gap(("ReLU",), "upstream", "Wrong.", Witness(inputs=((3,),), training=False))
    table = {**torch.table, "ReLU": Entry((shut,))}
    backend = changed("torch", table=table, gaps=(gap,))
    check = of(backend, "ReLU", ["gaps"])[-1]
    fails(ConformanceError, check.run, "off by 0.0e+00: the gap has healed")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3", "is not a list of gaps"),
        ("[{entries: [ReLU]}]", "gap 1: needs the keys entries, kind and reason"),
        (
            "[{entries: [ReLU], kind: odd, reason: x}]",
            "kind is none of ours, upstream, never, later",
        ),
        ("[{entries: ReLU, kind: ours, reason: x}]", "entries is not a list of names"),
        ("[{entries: [ReLU], kind: ours, reason: ''}]", "the reason is missing"),
        ("[{entries: [A], kind: ours, reason: x, why: y}]", "unknown key 'why'"),
        (
            "[{entries: [A], kind: ours, reason: x, witness: {}}]",
            "the witness is wrong",
        ),
    ],
)
def test_a_wrong_file_of_gaps_is_told(text, message, tmp_path):
    path = tmp_path / "gaps.yaml"
    path.write_text(text)
    fails(BackendError, lambda: load_gaps(path), message)


def test_a_backend_that_was_asked_for_and_does_not_load_is_an_error():
    broken = changed("torch", probe=lambda: Probe(False, None, problem="it is broken"))
    fails(
        BackendError, lambda: conformance.checks(broken), "is not usable: it is broken"
    )
    fails(BackendError, lambda: conformance.checks("caffe"), "unknown backend 'caffe'")


def test_a_subclass_has_the_gaps_of_the_one_that_it_changes():
    class Changed(type(registry.get("mxnet"))):
        pass

    assert Changed().gaps == registry.get("mxnet").gaps != ()


def check_of(*values):
    measured = [Measurement("forward", "ReLU", "torch", "", v, FORWARD) for v in values]
    return Check(
        "layers", "ReLU", "native", "float64", "cpu", "torch", lambda: measured
    )


def test_the_worst_value_comes_first():
    with pytest.raises(ConformanceError) as caught:
        check_of(2e-12, 1.0, 3e-12, 0.0, 4e-12).run()
    shown = [text.partition(" (at")[0] for text in str(caught.value).split("forward: ")]
    assert shown[1:] == ["1.0e+00", "4.0e-12", "3.0e-12"]
    assert str(caught.value).endswith("(and 1 more)")


@pytest.mark.parametrize("value", [1.1e-12, float("nan"), float("inf")])
def test_a_value_out_of_bounds_fails_and_so_does_nan(value):
    assert check_of(0.0, 1e-12).run()
    fails(ConformanceError, check_of(0.0, value).run, "FAILED")


def test_measuring_nothing_fails():
    fails(ConformanceError, check_of().run, "nothing was measured")


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([np.nan], [np.nan]),
        ([np.inf], [np.inf]),
        ([1.0], [0.0]),
        ([1.0, 1.0], [1.0]),
    ],
)
def test_no_distance_is_small_by_accident(a, b):
    assert distance(a, b) == float("inf")


def wrong(entry, text, new):
    """PyTorch with another text for a layer."""
    torch = registry.get("torch")

    class Wrong(type(torch)):
        def write(self, *args):
            program = super().write(*args)
            files = {k: v.replace(text, new) for k, v in program.files.items()}
            return dataclasses.replace(program, files=files)

    return Wrong()


@pytest.mark.parametrize(
    ("entry", "text", "new", "message"),
    [
        ("LeakyReLU", "negative_slope=0.2", "negative_slope=0.2000001", "forward"),
        ("ReLU", "nn.ReLU()", "nn.ReLU6()", "forward, float64"),
        ("Tanh", "nn.Tanh()", "nn.Hardtanh()", "forward, float64"),
    ],
)
def test_a_wrong_layer_is_caught(entry, text, new, message):
    for check in of("torch", entry, ["layers"]):
        check.run()
    missed = []
    for check in of(wrong(entry, text, new), entry, ["layers"]):
        try:
            check.run()
        except (ConformanceError, pf.PolyframeError) as error:
            missed.append(str(error))
    assert any(message in text for text in missed)
