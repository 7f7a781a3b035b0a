"""Stopped and resumed is the same as never stopped, on the same or another backend."""

from __future__ import annotations

import itertools
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.failing import fails
from helpers.resuming import (
    STEPS,
    CtrlC,
    ExactCtrlC,
    assert_same_run,
    checkpoints,
    content,
    logs,
    plain,
    recipe,
    stopped,
    strays,
    written,
)
from helpers.support import BACKENDS, within, worst

import polyframe as pf
from polyframe.cli import cli
from polyframe.errors import PolyframeError, RecipeError
from polyframe.io import weights
from polyframe.run.train import compile_recipe, load_data, train
from polyframe.train import Callback
from polyframe.train import checkpoint as checkpoint_module
from polyframe.train.checkpoint import FOLDER, found_in, read


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a recipe's run that nothing stopped; each is trained once."""
    known = {}

    def of(backend, kind="recipe", **changes):
        key = (backend, kind, repr(sorted(changes.items())))
        if key not in known:
            known[key] = tmp_path_factory.mktemp("whole") / "run"
            make = recipe if kind == "recipe" else plain
            result = train(make(**changes), backend, known[key])
            assert result.status == "done"
        return known[key]

    return of


def steps_of(folder):
    """The steps of the checkpoints in a run folder, the newest first."""
    return [int(path.name[5:]) for path in found_in(folder / FOLDER)]


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


def test_random_draws_matter(whole):
    """What the tests above compare does depend on the draws of dropout and order."""
    ours, other = (
        whole("torch", "plain", semantics="native", epochs=2, seed=seed)
        for seed in (3, 4)
    )
    assert logs(ours)["history"] != logs(other)["history"]


@pytest.mark.parametrize("gone", [0, 1])
def test_resume_at_an_epochs_border(gone, whole, tmp_path):
    """What a kill right behind an epoch leaves: its checkpoint, and no result. Behind
    the last one early stopping had its say, and has it again."""
    folder = tmp_path / "run"
    shutil.copytree(whole("torch"), folder)
    (folder / "result.json").unlink()
    found = found_in(folder / FOLDER)
    places = [read(path).place for path in found]
    assert [(place.epoch, place.index) for place in places] == [(4, 0), (3, 0)]
    for path in found[:gone]:
        shutil.rmtree(path)
    result = train(recipe(), "torch", folder, resume=True)
    assert len(result.history) == 4
    assert_same_run(folder, whole("torch"))


def test_a_run_that_only_lacks_its_result_gets_it(whole, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(whole("torch", "plain", epochs=2), folder)
    (folder / "result.json").unlink()
    shutil.rmtree(found_in(folder / FOLDER)[1])
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


# --- refusals --------------------------------------------------------------------


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """A run on PyTorch that was stopped in the middle of its first epoch."""
    folder = tmp_path_factory.mktemp("half") / "run"
    stopped(plain(), "torch", folder, 5)
    return folder


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"seed": 4}, "seed"),
        ({"batch_size": 8}, "batch_size"),
        ({"optimizer": {"type": "Adam", "lr": 0.02}}, "optimizer"),
        ({"schedule": {"type": "cosine"}}, "schedule"),
        ({"augmentation": ["mixup"]}, "augmentation"),
        ({"ema": 0.5, "dtype": "float64"}, "dtype, ema"),
        ({"model": "digits_cnn", "data": "digits"}, "data, model"),
    ],
)
def test_another_recipe_is_refused_and_named(changes, key, half):
    before = content(half)
    fails(
        RecipeError,
        lambda: train(plain(**changes), "torch", half, resume=True),
        f"{half}: the run in this folder has another {key} (resume with the same "
        "recipe; epochs, device, callbacks may change)",
    )
    assert content(half) == before


def fitted(made, **options):
    """A recipe's model, trained through Model.fit."""
    data = load_data(made)
    model = compile_recipe(made, "torch")
    options = {"batch_size": made.batch_size, "epochs": 2} | options
    return model, model.fit(data, **options)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 4}, "was made with seed 3, this training has 4"),
        ({"dtype": "float64"}, "was made with dtype 'float32', this training has"),
        (
            {"semantics": "native"},
            "with semantics 'aligned', this training has 'native'",
        ),
        ({"ema": 0.5}, "was made with ema False, this training has True"),
        ({"optimizer": "SGD"}, "was made with optimizer 'Adam(exp_avg, exp_avg_sq)'"),
        ({"model": "digits_cnn", "data": "digits"}, "was made with spec '"),
        ({"metrics": ["f1"]}, "no totals of 'f1' that fit"),
        ({"batch_size": 22}, "stands at step 5 of an epoch that has 2"),
    ],
)
def test_another_setting_is_refused_by_fit(changes, message, half):
    before = content(half)
    text = fails(
        PolyframeError,
        lambda: fitted(plain(**changes), resume=half / FOLDER),
        message,
    )
    assert "metrics: " in text or f"{half / FOLDER / 'step-0000000005'}: " in text
    assert content(half) == before


def test_folders_that_are_no_run(tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine").write_text("mine")
    for folder, message in (
        (full, "the folder is not empty, and no run: it has no recipe.yaml"),
        (full / "mine", "is a file, not a folder"),
    ):
        call = lambda f=folder: train(plain(), "torch", f, resume=True)  # noqa: E731
        fails(PolyframeError, call, f"{folder}: {message}")
    fails(
        PolyframeError, lambda: train(plain(), "torch", full), "or go on with --resume"
    )
    assert [path.name for path in full.iterdir()] == ["mine"]


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
        fails(PolyframeError, call, "result.json: is no JSON mapping")
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


# --- which checkpoints there are -------------------------------------------------


class Saved(Callback):
    """Which checkpoints lie there behind each step that the loop pauses at."""

    def __init__(self, folder):
        self.folder, self.seen = folder, []

    def on_pause(self, model, place):
        self.seen.append(sorted(steps_of(self.folder)))


def test_every_steps_and_keep(tmp_path):
    """11 steps an epoch; one is written behind each epoch too."""
    made, saved = plain(epochs=2, callbacks=checkpoints(4, keep=3)), Saved(tmp_path)
    train(made, "torch", tmp_path, callbacks=[saved])
    assert saved.seen == [
        [], [4], [4, 8], [4, 8, 11], [8, 11, 12], [11, 12, 16], [12, 16, 20],
        [16, 20, 22],
    ]  # fmt: skip
    assert strays(tmp_path) == []


def test_every_seconds(tmp_path, monkeypatch):
    """A clock that a step takes 2 seconds of; 11 steps an epoch."""
    clock = SimpleNamespace(now=0.0)

    class Ticks(Callback):
        def on_step_end(self, model, step):
            clock.now += 2.0

    monkeypatch.setattr(
        checkpoint_module, "time", SimpleNamespace(monotonic=lambda: clock.now)
    )
    callbacks = [{"type": "model_checkpoint", "every_seconds": 7.0, "keep": 9}]
    train(plain(epochs=2, callbacks=callbacks), "torch", tmp_path, callbacks=[Ticks()])
    assert sorted(steps_of(tmp_path)) == [4, 8, 11, 15, 19, 22]


def test_later_checkpoints_of_another_training_do_not_win(tmp_path):
    """Trained anew in the same folder, by Model.fit: the old ones must not push out
    the new ones, nor be gone on from."""
    options = {"callbacks": [pf.ModelCheckpoint(keep=1)], "folder": tmp_path}
    fitted(plain(), epochs=3, **options)
    assert steps_of(tmp_path) == [33]
    model, _ = fitted(plain(), epochs=1, **options)
    assert steps_of(tmp_path) == [11]
    (kept,) = found_in(tmp_path / FOLDER)
    assert worst(read(kept).weights, model.weights())[0] == 0


def test_python_api(tmp_path):
    options = {"epochs": 3, "folder": tmp_path, "resume": tmp_path / FOLDER}
    options["callbacks"] = [pf.ModelCheckpoint(every_steps=2), pf.JsonLog()]

    class Fails(Callback):
        tolerates_delay = True

        def on_step_end(self, model, step):
            if step.step == 15:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fitted(plain(), **options | {"callbacks": [*options["callbacks"], Fails()]})
    assert steps_of(tmp_path)[0] in (12, 14)
    model, history = fitted(plain(), **options)
    other, wanted = fitted(plain(), epochs=3)
    assert worst(model.weights(), other.weights())[0] == 0
    assert (model.steps_done, model.epoch) == (other.steps_done, other.epoch) == (33, 3)
    assert history["val_loss"] == wanted["val_loss"]
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]
    before = content(tmp_path / FOLDER)
    model, again = fitted(plain(), **options)
    assert [row["loss"] for row in again.rows] == wanted["loss"]
    assert worst(model.weights(), other.weights())[0] == 0
    assert content(tmp_path / FOLDER) == before
