"""What a training cannot do is said before its first step: monitors that are not there,
resuming from nothing or with other settings."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.failing import fails
from helpers.support import BACKENDS

import polyframe as pf
from polyframe.errors import PolyframeError, WeightsError
from polyframe.train import Callback
from polyframe.train.checkpoint import checkpoints_in

rng = np.random.default_rng(0)
X, Y = rng.standard_normal((8, 1, 4, 4)), np.arange(8) % 3
on_each = pytest.mark.parametrize("backend", BACKENDS)


def compiled(backend="torch", **options):
    """A model of one layer with weights."""
    layers = [pf.Flatten(), pf.Dense(3, name="fc")]
    spec = pf.Sequential(layers, input_shape=(1, 4, 4))
    options = {"loss": "cross_entropy", "optimizer": pf.SGD(0.1)} | options
    return pf.compile(spec, backend, device="cpu", dtype="float64", **options)


class Counts(Callback):
    """How many steps there were."""

    steps = 0

    def on_step_end(self, model, step):
        self.steps += 1


# --- monitors ----------------------------------------------------------------------

TYPO = "is not a value of this training. Did you mean 'val_accuracy'?"
NAMES = "known: epoch, loss, accuracy, val_loss, val_accuracy, lr, seconds, examples"
VAL = {"validation_data": (X, Y)}


@on_each
@pytest.mark.parametrize(
    ("options", "fit", "text"),
    [
        ({}, {"callbacks": [pf.EarlyStopping("val_acc")], **VAL}, TYPO),
        ({}, {"callbacks": [pf.ModelCheckpoint("val_acc")], **VAL}, TYPO),
        ({}, {"callbacks": [pf.ModelCheckpoint("val_acc"), "lr_monitor"], **VAL}, TYPO),
        (
            {},
            {"callbacks": [pf.ModelCheckpoint("val_accuracy")]},
            "needs validation data",
        ),
        ({}, {"callbacks": ["early_stopping"]}, "'val_loss' is not a value of this"),
        (
            {"schedule": pf.ReduceOnPlateauSchedule("val_acc", mode="max")},
            VAL,
            TYPO,
        ),
        ({"schedule": "reduce_on_plateau"}, {}, "val_… needs validation data"),
        (
            {"metrics": ["accuracy", "confusion_matrix"]},
            {"callbacks": [pf.EarlyStopping("confusion_matrix")]},
            "early_stopping: monitor 'confusion_matrix' is not a number.",
        ),
    ],
)
def test_a_monitor_that_is_not_there_costs_no_step(
    options, fit, text, backend, tmp_path
):
    model, counts = compiled(backend, **{"metrics": ["accuracy"]} | options), Counts()
    before = model.weights()
    fit = fit | {"callbacks": [counts, *fit.get("callbacks", [])]}
    call = lambda: model.fit(X, Y, batch_size=2, epochs=3, folder=tmp_path, **fit)  # noqa: E731
    said = fails(PolyframeError, call, text)
    if text == TYPO and "lr_monitor" not in fit["callbacks"]:
        assert NAMES in said
    assert (counts.steps, model.steps_done, model.epoch) == (0, 0, 0)
    assert list(tmp_path.iterdir()) == []
    for name, value in model.weights().items():
        np.testing.assert_array_equal(value, before[name])


def test_monitors_that_are_there(tmp_path):
    """Columns that other callbacks add are known, or may be; without validation data the
    default monitor of checkpoints keeps no best one."""

    class Adds(Callback):
        adds_to_rows = True

        def on_epoch_end(self, model, epoch, row):
            row["mine"] = -epoch

    for callbacks in (
        ["lr_monitor", pf.EarlyStopping("lr_last")],
        [pf.EarlyStopping("mine"), Adds()],
        ["model_checkpoint"],
        [pf.EarlyStopping("examples_per_sec", mode="max")],
    ):
        model = compiled()
        model.fit(X, Y, epochs=2, callbacks=callbacks, folder=tmp_path)
        assert model.epoch == 2
    assert not (tmp_path / "checkpoint" / "best.safetensors").exists()


def test_a_run_that_cannot_begin_leaves_no_folder(tmp_path, monkeypatch):
    from polyframe.run.train import train

    recipe = pf.load_recipe(
        {
            "model": compiled().spec,
            "data": {"name": "synthetic", "train": 15, "test": 4},
            "epochs": 2,
            "callbacks": [{"type": "model_checkpoint", "monitor": "val_acc"}],
            "metrics": ["accuracy"],
        }
    )
    call = lambda: train(recipe, "torch", tmp_path / "run")  # noqa: E731
    fails(PolyframeError, call, f"model_checkpoint: monitor 'val_acc' {TYPO}")
    assert not (tmp_path / "run").exists()
    (tmp_path / "mine").mkdir()
    call = lambda: train(recipe, "torch", tmp_path / "mine")  # noqa: E731
    fails(PolyframeError, call, TYPO)
    assert (tmp_path / "mine").is_dir()
    monkeypatch.chdir(tmp_path)
    fails(PolyframeError, lambda: train(recipe, "torch"), TYPO)  # in runs/, numbered
    assert not (tmp_path / "runs").exists()
    earlier = tmp_path / "runs" / recipe.name / "torch" / "1"
    earlier.mkdir(parents=True)
    fails(PolyframeError, lambda: train(recipe, "torch"), TYPO)
    assert [*earlier.parent.iterdir()] == [earlier]


# --- resuming ----------------------------------------------------------------------


@on_each
def test_resuming_where_nothing_is_saved(backend, tmp_path):
    saved = {"callbacks": ["model_checkpoint"], "folder": tmp_path}
    compiled(backend).fit(X, Y, **saved)
    model, text = compiled(backend), "has no checkpoints to resume from"
    call = lambda where: lambda: model.fit(X, Y, resume=where)  # noqa: E731
    fails(
        WeightsError, call(tmp_path), f"{text} (they are in {tmp_path / 'checkpoint'})"
    )
    fails(
        WeightsError, call(tmp_path / "no"), f"{tmp_path / 'no'}: {text} (leave resume"
    )
    assert model.steps_done == 0
    history = model.fit(X, Y, epochs=2, resume=tmp_path / "checkpoint")
    assert history["epoch"] == [1, 2]


CHANGES = [
    ({"optimizer": pf.SGD(0.001)}, {}, "optimizer.lr 0.1, this training has 0.001"),
    ({"optimizer": pf.SGD(0.1, weight_decay=0.5)}, {}, "optimizer.weight_decay 0.0"),
    ({"optimizer": "Adam"}, {}, "optimizer 'SGD()', this training has 'Adam("),
    ({"loss": pf.CrossEntropy(label_smoothing=0.1)}, {}, "loss.label_smoothing 0.0, this"),
    ({"loss": "multi_margin"}, {}, "loss 'cross_entropy', this training has 'multi_"),
    ({"schedule": "cosine"}, {}, "schedule None, this training has 'cosine'"),
    ({"clip_norm": 1.0}, {}, "clip_norm None, this training has 1.0"),
    ({"accumulate": 2}, {}, "accumulate 1, this training has 2"),
    ({"ema": 0.9}, {}, "ema None, this training has 0.9"),
    ({}, {"batch_size": 2}, "batch_size 4, this training has 2"),
    ({}, {"shuffle": False}, "shuffle True, this training has False"),
    ({}, {"augmentation": ["random_flip"]}, "augmentation [], this training has ['random_"),
]  # fmt: skip


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    saved = {"callbacks": ["model_checkpoint"], "folder": folder, "batch_size": 4}
    compiled().fit(X, Y, **saved)
    return folder / "checkpoint"


@pytest.mark.parametrize(("options", "fit", "text"), CHANGES)
def test_resuming_with_other_settings_names_the_field(options, fit, text, checkpoint):
    (path,) = checkpoints_in(checkpoint)
    model = compiled(**options)
    before = model.weights()
    fit = {"epochs": 2, "batch_size": 4, "resume": checkpoint} | fit
    said = fails(PolyframeError, lambda: model.fit(X, Y, **fit), text)
    assert said.startswith(f"{path}: was made with ")
    assert model.steps_done == 0
    for name, value in model.weights().items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize(
    ("count", "options", "text"),
    [
        (-1, {}, f"samples {len(X)}, this training has {len(X) - 1}"),
        (None, {"validation_split": 0.5}, "validation_split None, this training has 0.5"),
        (None, {"sample_weight": np.arange(len(X))}, "weighted False, this training has"),
    ],
)  # fmt: skip
def test_resuming_on_other_data_is_told(count, options, text, checkpoint):
    model = compiled()
    fit = {"epochs": 2, "batch_size": 4, "resume": checkpoint} | options
    fails(PolyframeError, lambda: model.fit(X[:count], Y[:count], **fit), text)
    assert model.steps_done == 0


def test_a_checkpoint_beyond_the_end_of_an_epoch_is_told(tmp_path):
    class Stop(pf.train.Callback):
        def on_step_end(self, model, step):
            if step.step == 4:
                raise KeyboardInterrupt

    saves = pf.ModelCheckpoint(every_steps=1)
    with pytest.raises(KeyboardInterrupt):
        compiled().fit([(X, Y)] * 5, callbacks=[saves, Stop()], folder=tmp_path)
    resumed = {"resume": tmp_path / "checkpoint"}
    text = "stands at step 3 of an epoch that has 2"
    fails(PolyframeError, lambda: compiled().fit([(X, Y)] * 2, **resumed), text)


def test_an_earlier_training_with_weights_is_not_this_one(tmp_path):
    saved = {"callbacks": ["model_checkpoint"], "folder": tmp_path}
    model = compiled()
    model.fit(X, Y, sample_weight=np.ones(len(X)))
    model.fit(X, Y, **saved)
    history = compiled().fit(X, Y, epochs=3, resume=tmp_path / "checkpoint")
    assert history["epoch"] == [2, 3]


@pytest.mark.parametrize("semantics", ["aligned", "native"])
@on_each
def test_resuming_with_the_same_settings(backend, semantics, tmp_path):
    """Also on another backend, and where fields are each backend's own (Keras's and
    Gluon's losses have no class weights)."""
    weights = (1, 2, 3) if semantics == "aligned" else None
    made = {
        "optimizer": pf.Adam(0.01), "loss": pf.CrossEntropy(class_weights=weights),
        "schedule": pf.StepSchedule(1, gamma=0.5), "clip_value": 1.0, "accumulate": 2,
        "ema": 0.5, "semantics": semantics,
    }  # fmt: skip
    fit = {"batch_size": 2, "augmentation": ["random_flip"]}
    saved = {"callbacks": ["model_checkpoint"], "folder": tmp_path}
    compiled("torch", **made).fit(X, Y, **fit, **saved)
    history = compiled(backend, **made).fit(
        X, Y, epochs=2, **fit, resume=tmp_path / "checkpoint"
    )
    assert history["epoch"] == [1, 2]
