"""A cell: its record has all parts, and equal cells have equal numbers."""

from __future__ import annotations

import json
import math
import time
from array import array

import numpy as np
import pytest
from helpers.failing import fails
from helpers.support import BACKENDS

import polyframe as pf
from polyframe.contract import registry
from polyframe.contract.backend import Probe
from polyframe.errors import BackendError, DataError, DivergedError, PolyframeError
from polyframe.io.json_csv import finite
from polyframe.study.cell import data_hash, hash_of_arrays, run_cell
from polyframe.study.folder import record_of
from polyframe.study.jobs import PROTOCOL
from polyframe.study.observer import Observer, spread
from polyframe.study.records import SCHEMA
from polyframe.study.worker import answer
from polyframe.train.loop import WAITING

PHASES = ["interpreter", "import", "data", "compile", "first step"]
EQUAL = (
    "spec_hash", "weights_hash", "data_hash", "order_hash", "augmentation_hash",
    "parameters", "batch_size", "threads", "dtype", "semantics", "test_samples",
)  # fmt: skip


def request(backend, epochs=2, divergence=False, **changes):
    changes = {"epochs": epochs, "dtype": "float64", **changes}
    recipe = pf.load_recipe("digits_cnn", changes)
    return {
        "recipe": recipe.to_data(),
        "backend": backend,
        "optimize": True,
        "device": "cpu",
        "divergence": divergence,
    }


def cell(*args, **kwargs):
    """The record of a cell that runs in this process, and all messages that it sent."""
    sent, now = [], time.perf_counter()
    result = run_cell(request(*args, **kwargs), sent.append, (now, now))
    result = json.loads(json.dumps(finite(result)))
    programs = result.pop("programs")
    whole = {
        "schema": SCHEMA, "contestant": "a", "variant": "b", "seed": 0, "study": "s",
        "status": "done", "error": None, "started": 1.0, "order": 0, **result,
    }  # fmt: skip
    return record_of(whole), programs, sent


@pytest.fixture(scope="module")
def cells():
    return {backend: cell(backend, divergence=True) for backend in BACKENDS}


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_record_has_all_parts(cells, backend):
    record, programs, sent = cells[backend]
    assert list(record.start) == PHASES
    assert list(record.phases) == [*PHASES, "training", "evaluation", "other"]
    wall = record.resources["wall_seconds"]
    assert sum(record.phases.values()) == pytest.approx(wall, rel=0.05, abs=0.05)
    assert min(record.phases.values()) >= 0
    assert [row["epoch"] for row in record.epochs] == [0, 1, 2]
    assert [row["steps"] for row in record.epochs] == [0, 23, 46]
    assert "loss" not in record.epochs[0]
    seconds = [row["seconds"] for row in record.epochs]
    assert seconds[0] == 0 < seconds[1] < seconds[2]
    trained = record.phases["training"] + record.start["first step"]
    assert seconds[2] == pytest.approx(trained)
    assert record.test == {
        "loss": record.epochs[2]["test_loss"],
        "accuracy": record.epochs[2]["test_accuracy"],
    }
    assert record.steady["examples_per_second"] == pytest.approx(
        1437 / (seconds[2] - seconds[1])
    )
    assert record.step_ms
    assert min(record.step_ms) > 0
    assert record.resources["peak_mib"] > 10
    assert record.resources["cpu_seconds"] > 0
    assert "energy_joules" in record.resources
    assert [step for step, _ in record.divergence] == [1, 2, 4, 8, 16, 32]
    assert {len(values) for _, values in record.divergence} == {256}
    assert record.facts["framework"] == registry.get(backend).title
    assert record.facts["layout"] == ("NCHW" if backend == "mxnet" else "NHWC")
    assert record.facts["execution"]
    assert record.facts["test_samples"] == 360
    assert record.facts["train_samples"] == 1437
    ((name, text),) = programs.items()
    assert name == f"program_{backend}.py"
    assert "def train_step" in text
    assert sent == [
        {"event": "epoch", "of": 2, **row} for row in map(dict, record.epochs)
    ]


def test_in_float64_backends_are_equal(cells):
    first = cells[BACKENDS[0]][0]
    for record, _, _ in cells.values():
        for name in EQUAL:
            assert record.facts[name] == first.facts[name], name
        for row, other in zip(record.epochs, first.epochs, strict=True):
            assert row["test_accuracy"] == other["test_accuracy"]
            assert row["test_loss"] == pytest.approx(other["test_loss"], rel=1e-9)
        for (_, values), (_, others) in zip(
            record.divergence, first.divergence, strict=True
        ):
            np.testing.assert_allclose(values, others, rtol=1e-9, atol=1e-12)


@pytest.mark.full
def test_digits_cnn_at_full_length_is_equal_on_all_backends():
    rows = [
        [row["test_accuracy"] for row in cell(backend, epochs=10)[0].epochs]
        for backend in BACKENDS
    ]
    assert len(rows[0]) == 11
    assert rows[0] == rows[1] == rows[2]
    assert rows[0][-1] > 0.9


def test_the_same_cell_twice_gives_the_same_numbers(cells):
    first, again = cells["torch"][0], cell("torch", divergence=True)[0]
    assert again.facts == first.facts
    assert again.test == first.test
    assert again.divergence == first.divergence
    assert [{**row, "seconds": 0} for row in again.epochs] == [
        {**row, "seconds": 0} for row in first.epochs
    ]


def test_another_seed_has_other_weights_and_another_order(cells):
    first, other = cells["torch"][0].facts, cell("torch", seed=1)[0].facts
    assert other["data_hash"] == first["data_hash"]
    assert other["weights_hash"] != first["weights_hash"]
    assert other["order_hash"] != first["order_hash"]


def test_augmentation_is_part_of_the_facts():
    told = {
        name: cell(
            "torch", epochs=1, augmentation=[{"type": name, **options}]
        )[0].facts
        for name, options in {
            "random_flip": {}, "random_crop": {"padding": 1},
        }.items()
    }  # fmt: skip
    one, other = told.values()
    assert one["order_hash"] == other["order_hash"]
    assert one["augmentation_hash"] != other["augmentation_hash"]


def test_nothing_is_written_and_callbacks_have_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record, _, _ = cell(
        "torch", epochs=1, callbacks=["csv_log", {"type": "early_stopping"}]
    )
    assert record.facts["train_samples"] < 1437  # a split: early stopping looks at it
    assert record.facts["test_samples"] == 360
    assert list(tmp_path.iterdir()) == []


def test_a_training_that_diverges_says_where():
    asked = request("torch", optimizer={"type": "SGD", "lr": 1e200})
    with pytest.raises(DivergedError, match="the loss became"):
        run_cell(asked, print, (0.0, 0.0))
    asked |= {"protocol": PROTOCOL, "do": "cell"}
    told = answer(asked, print, (0.0, 0.0))
    assert told["result"] is None
    assert told["status"] == "failed"
    assert "the loss became" in told["error"]


def test_data_that_are_missing_are_named(tmp_path):
    data = {"name": str(tmp_path / "none.npz")}
    fails(PolyframeError, lambda: cell("torch", data=data), "none.npz")
    changes = {"model.input_shape": [1, 9, 9]}
    fails(DataError, lambda: cell("torch", **changes), "a sample is (1, 8, 8), but")


def test_a_framework_that_is_missing_is_named(monkeypatch):
    probe = Probe(False, None, problem="ModuleNotFoundError: No module named 'torch'")
    monkeypatch.setattr(type(registry.get("torch")), "probe", lambda self: probe)
    fails(BackendError, lambda: cell("torch"), "install it with")
    fails(BackendError, lambda: cell("torhc"), "unknown backend")


# --- the observer's numbers ------------------------------------------------------


def observer():
    return Observer(dict, lambda message: None)


def test_step_times_leave_out_what_arrives_together_before_a_pause():
    seen = observer()
    steady = np.arange(8) * 0.01
    together = [0.0701, 0.0702, 0.0703, 0.0704]
    assert len(together) == WAITING
    seen.ticks += [array("d", [*steady, *together]), array("d", [5.0, 5.02] * 2)]
    np.testing.assert_allclose(seen.steps_of(), [10.0] * 7)
    assert observer().steps_of() == []


def test_step_times_are_thinned_evenly():
    seen = observer()
    steps = np.linspace(1, 2, 5000)
    seen.ticks.append(array("d", [0.0, *np.cumsum(steps), *[9e9] * WAITING]))
    kept = seen.steps_of()
    assert len(kept) == 1000
    assert kept[0] == pytest.approx(1000)
    assert kept[-1] == pytest.approx(2000)
    assert math.isclose(np.mean(kept), 1500, rel_tol=1e-3)


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 10_000])
def test_indices_are_spread_from_the_first_to_the_last(count):
    indices = spread(count, 256)
    assert len(indices) == len(set(indices)) == min(count, 256)
    if count:
        assert (indices[0], indices[-1]) == (0, count - 1)


def test_hashes_tell_names_shapes_and_numbers_apart():
    x = np.arange(6.0)
    several = [
        {"a": x}, {"b": x}, {"a": x.reshape(2, 3)}, {"a": x.astype("float32")},
        {"a": x + 1e-9},
    ]  # fmt: skip
    assert len({hash_of_arrays(each) for each in several}) == len(several)
    large = np.zeros((3000, 1000))
    other = large.copy()
    other[-1, 0] = 1
    assert hash_of_arrays({"a": large}) != hash_of_arrays({"a": other})
    digits = pf.data.load("digits")
    assert data_hash(digits) == data_hash(pf.data.load("digits"))
