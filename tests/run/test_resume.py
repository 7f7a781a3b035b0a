"""Stopped and resumed is the same as never stopped, on the same or another backend."""

from __future__ import annotations

import itertools
import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.failing import fails
from helpers.resuming import (
    STEPS,
    CtrlC,
    ExactCtrlC,
    assert_same_run,
    content,
    logs,
    plain,
    recipe,
    steps_of,
    stopped,
    written,
)
from helpers.support import BACKENDS, within, worst

import polyframe as pf
from polyframe.cli import cli
from polyframe.errors import PolyframeError, RecipeError
from polyframe.io import weights
from polyframe.run.train import train
from polyframe.train.checkpoint import FOLDER, checkpoints_in, read

# --- the same backend ------------------------------------------------------------


@pytest.mark.parametrize(
    "stops",
    [
        [(3, ExactCtrlC)],
        # The last step of an epoch, whose validation is still to come; a moment while
        # the device is ahead; the first step of an epoch.
        [(STEPS, ExactCtrlC), (8, CtrlC), (3 * STEPS + 1, ExactCtrlC)],
    ],
    ids=["once", "often"],
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_resumed_is_bit_for_bit_the_same(backend, stops, whole, tmp_path):
    folder = tmp_path / "run"
    for at, kind in stops:
        left = stopped(recipe(), backend, folder, at, kind, resume=True)
        assert left.status == "interrupted"
        done = steps_of(folder)[0]
        assert at <= done <= at + (4 if kind is CtrlC else 0)
        assert len(left.history) == (done - 1) // STEPS or kind is CtrlC
        assert json.loads((folder / "result.json").read_text())["steps"] == done
    result = train(recipe(), backend, folder, resume=True)
    assert result.stopped.startswith("early_stopping: val_loss has not improved beyond")
    assert len(result.history) == 4
    for row in result.history:
        assert isinstance(row["val_confusion_matrix"], np.ndarray)
    assert_same_run(folder, whole(backend))


@pytest.mark.parametrize("backend", BACKENDS)
def test_native_semantics_resume_bit_for_bit(backend, whole, tmp_path):
    made = {"semantics": "native", "epochs": 2}
    stopped(plain(**made), backend, tmp_path / "run", 5)
    train(plain(**made), backend, tmp_path / "run", resume=True)
    assert_same_run(tmp_path / "run", whole(backend, "plain", **made))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_mapping_of_aspects_resumes_bit_for_bit(backend, whole, tmp_path):
    some = {"dropout": "native", "norm_momentum": "native", "initializer": "native"}
    made, folder = {"semantics": some, "epochs": 2}, tmp_path / "run"
    stopped(plain(**made), backend, folder, 5)
    for other in ("native", "aligned", {"dropout": "native"}):
        fails(
            RecipeError,
            lambda o=other: train(plain(semantics=o), backend, folder, resume=True),
            "the run in this folder has another semantics (resume with the same recipe",
        )
    train(plain(**made), backend, folder, resume=True)
    assert_same_run(folder, whole(backend, "plain", **made))
    model = pf.load_run(folder)
    assert model.semantics == plain(**made).semantics
    assert dict(model.semantics) == some


def test_random_draws_matter(whole):
    """What the tests above compare does depend on the draws of dropout and order."""
    ours, other = (
        whole("torch", "plain", semantics="native", epochs=2, seed=seed)
        for seed in (3, 4)
    )
    assert logs(ours)["history"] != logs(other)["history"]


@pytest.mark.parametrize("gone", [0, 1])
def test_resume_at_an_epochs_border(gone, whole, tmp_path):
    """What a kill right after an epoch leaves: its checkpoint, and no result. After
    the last one early stopping had its say, and has it again."""
    folder = tmp_path / "run"
    shutil.copytree(whole("torch"), folder)
    (folder / "result.json").unlink()
    checkpoints = checkpoints_in(folder / FOLDER)
    moments = [read(path).progress for path in checkpoints]
    assert [(each.epoch, each.index) for each in moments] == [(4, 0), (3, 0)]
    for path in checkpoints[:gone]:
        shutil.rmtree(path)
    result = train(recipe(), "torch", folder, resume=True)
    assert len(result.history) == 4
    assert_same_run(folder, whole("torch"))


def test_a_run_that_only_lacks_its_result_gets_it(whole, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(whole("torch", "plain", epochs=2), folder)
    (folder / "result.json").unlink()
    shutil.rmtree(checkpoints_in(folder / FOLDER)[1])
    result = train(plain(epochs=2), "torch", folder, resume=True)
    assert (result.status, len(result.history)) == ("done", 2)
    assert_same_run(folder, whole("torch", "plain", epochs=2))


# --- another backend -------------------------------------------------------------

ORDERED = list(itertools.permutations(BACKENDS, 2))
OPTIMIZERS = {
    "momentum": {"type": "SGD", "lr": 0.05, "momentum": 0.9},
    "adam": {"type": "Adam", "lr": 0.01},
    "adamw": {"type": "AdamW", "lr": 0.01, "weight_decay": 0.1},
}
CROSSED = [
    pytest.param(pair, name, marks=() if (i + j) % 3 == 0 else pytest.mark.full)
    for i, pair in enumerate(ORDERED)
    for j, name in enumerate(OPTIMIZERS)
]
IN_MIDDLE = STEPS + 3


@pytest.mark.parametrize(("pair", "name"), CROSSED)
def test_another_backend_goes_on(pair, name, whole, tmp_path):
    first, second = pair
    made = {
        "epochs": 3,
        "dtype": "float64",
        "optimizer": OPTIMIZERS[name],
        "ema": 0.8,
        "accumulate": 2,
        "schedule": {"type": "cosine", "warmup": 0.5},
        "augmentation": ["normalize", "mixup"],
    }
    there = whole(first, "plain", **made)
    folder = tmp_path / "run"
    stopped(plain(**made), first, folder, IN_MIDDLE)
    assert steps_of(folder)[0] == IN_MIDDLE
    result = train(plain(**made), second, folder, resume=True)
    assert result.program.name == f"program_{second}.py"
    for file in ("weights.safetensors", "checkpoint/best.safetensors"):
        apart, tensor = worst(weights.load(folder / file), weights.load(there / file))
        within(
            "resumed on another backend",
            apart,
            1e-11,
            f"{first}-{second} {name} {tensor}",
        )
    rows = logs(folder)["history"], logs(there)["history"]
    for ours, theirs in zip(*rows, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-10)
    env = json.loads((folder / "env.json").read_text())
    assert env["backend"] == second


# --- where there is nothing, and where all is done --------------------------------


def test_resume_starts_where_nothing_is_saved(whole, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = train(plain(epochs=2), "torch", resume=True)
    assert str(result.path) == "runs/small/torch/1"
    assert_same_run(tmp_path / result.path, whole("torch", "plain", epochs=2))
    # The number that is the highest is the one that goes on.
    stopped(plain(epochs=2), "torch", None, 4)
    assert steps_of(tmp_path / "runs/small/torch/2") == [4]
    assert train(plain(epochs=2), "torch", resume=True).path.name == "2"
    assert_same_run(tmp_path / "runs/small/torch/2", whole("torch", "plain", epochs=2))


def test_a_finished_run_is_left_alone(whole, tmp_path):
    folder = whole("torch")
    before, told = content(folder), []
    result = train(recipe(), "torch", folder, resume=True, say=told.append)
    assert told == [f"{folder} is finished; nothing is left to do"]
    assert (result.model, result.status, len(result.history)) == (None, "done", 4)
    assert isinstance(result.history[0]["confusion_matrix"], np.ndarray)
    path = written(recipe(), tmp_path)
    args = ["train", str(path), "-b", "torch", "-o", str(folder), "--resume"]
    said = CliRunner().invoke(cli, args)
    assert said.exit_code == 0, said.output
    assert "is finished; nothing is left to do" in said.stderr
    assert f"folder:  {folder}" in said.stdout
    assert content(folder) == before


@pytest.mark.parametrize(
    "text",
    [
        "[]", '{"status": "done"}', '{"status": "done", "schema": 1, "epochs": "9"}',
        '{"status": "done", "schema": 1, "epochs": 9, "history": 3, "test": {}, '
        '"seconds": 1}',
        '{"status": "done", "schema": 1, "epochs": 9, "history": [{"a": 1e999}, 3], '
        '"test": {"b": [[1.5]]}, "seconds": NaN}',
    ],
)  # fmt: skip
def test_a_damaged_result_does_not_count(text, whole, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(whole("torch", "plain", epochs=2), folder)
    (folder / "result.json").write_text(text)
    if text == "[]":
        call = lambda: train(plain(epochs=2), "torch", folder, resume=True)  # noqa: E731
        fails(PolyframeError, call, "result.json: is not a JSON mapping")
        return
    train(plain(epochs=2), "torch", folder, resume=True)
    assert_same_run(folder, whole("torch", "plain", epochs=2))


def test_more_epochs_go_on(whole, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(whole("torch", "plain", epochs=2), folder)
    result = train(plain(epochs=4), "torch", folder, resume=True)
    assert [row["epoch"] for row in result.history] == [1, 2, 3, 4]
    assert_same_run(folder, whole("torch", "plain", epochs=4))
    before = content(folder)
    train(plain(epochs=3), "torch", folder, resume=True)  # fewer: more is done already
    assert content(folder) == before


def test_a_report_of_rows_with_other_figures(tmp_path):
    made = plain(epochs=1, callbacks=["lr_monitor"])
    train(made, "torch", tmp_path / "run")
    path = written(plain(epochs=2), tmp_path)
    args = ["train", str(path), "-b", "torch", "-o", str(tmp_path / "run"), "--resume"]
    said = CliRunner().invoke(cli, args)
    assert said.exit_code == 0, said.output
    heads, first, second = (line.split("  ") for line in said.stdout.splitlines()[:3])
    assert any("lr first" in word for word in heads)
    assert second[-1].strip() == "-" != first[-1].strip()
