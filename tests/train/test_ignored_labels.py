"""Ignored labels and sample weights in ``fit``, ``evaluate``, data sets and runs: plain
PyTorch and NumPy on what is kept are the reference."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from helpers.failing import fails
from helpers.support import BACKENDS
from torch.nn import functional

import polyframe as pf
from polyframe.cli.data import describe_dataset
from polyframe.cli.output import print_matrices
from polyframe.data.sheet import sheet
from polyframe.data.statistics import class_counts
from polyframe.errors import DataError
from polyframe.io.json_csv import row_of
from polyframe.run.train import check_fit, load_data
from polyframe.run.train import train as train_run

on_each = pytest.mark.parametrize("backend", BACKENDS)
rng = np.random.default_rng(0)
X = rng.normal(size=(10, 1, 4, 5))
Y = rng.integers(0, 3, (10, 4, 5))
WEIGHTS = np.array([1, 0, 2.5, 1, 0.1, 3, 0, 1, 1, 0.5])


def segmenter(backend, loss, metrics=("accuracy", "mean_iou")):
    spec = pf.Sequential([pf.Conv2D(3, 1, name="c")], (1, 4, 5))
    return pf.compile(
        spec, backend, loss=loss, optimizer=pf.SGD(0.0), metrics=list(metrics),
        dtype="float64",
    )  # fmt: skip


def masks(ignored):
    """Masks of which some images have few pixels that count, one has none."""
    y, hidden = Y.copy(), rng.random(Y.shape) < 0.3
    hidden[2], hidden[3, 1:] = True, True
    y[hidden] = ignored
    return y


@on_each
@pytest.mark.parametrize("ignored", [255, 0, -100])
def test_evaluation_counts_the_pixels_that_are_kept(backend, ignored):
    """The mean is over kept pixels, not over images, whatever the batches; also in a
    step, which is the same mean."""
    y = masks(ignored)
    model = segmenter(backend, pf.CrossEntropy(ignore_index=ignored))
    logits, labels = torch.tensor(model.predict(X)), torch.tensor(y)
    wanted = functional.cross_entropy(logits, labels, ignore_index=ignored).item()
    kept = y != ignored
    accuracy = (logits.argmax(1).numpy() == y)[kept].mean()
    for size in (256, 3, 1):
        values = model.evaluate(X, y, batch_size=size)
        assert values["loss"] == pytest.approx(wanted, rel=1e-12)
        assert values["accuracy"] == pytest.approx(accuracy, rel=1e-15)
    assert model.loss(X, y) == pytest.approx(wanted, rel=1e-12)
    assert model.train_step(X, y) == pytest.approx(wanted, rel=1e-12)
    history = model.fit(X, y, batch_size=10, validation_data=(X, y))
    for column in ("loss", "val_loss"):
        assert history[column][0] == pytest.approx(wanted, rel=1e-12)
    assert history["accuracy"] == history["val_accuracy"] == [values["accuracy"]]
    assert history["mean_iou"] == history["val_mean_iou"] == [values["mean_iou"]]


@on_each
def test_evaluation_weighs_samples_and_leaves_out_ignored_pixels(backend):
    y = masks(255)
    model = segmenter(
        backend, pf.CrossEntropy(ignore_index=255, class_weights=(1, 2, 0.5))
    )
    logits, labels = torch.tensor(model.predict(X)), torch.tensor(y)
    factors = torch.tensor([1, 2, 0.5], dtype=torch.float64)
    each = functional.cross_entropy(
        logits, labels, ignore_index=255, weight=factors, reduction="none"
    ).numpy()
    kept, samples = y != 255, WEIGHTS[:, None, None]
    share = samples * kept * factors.numpy()[np.where(kept, y, 0)]
    wanted = (samples * each).sum() / share.sum()
    right = (logits.argmax(1).numpy() == y) * samples * kept
    values = model.evaluate(X, y, sample_weight=WEIGHTS, batch_size=4)
    assert values["loss"] == pytest.approx(wanted, rel=1e-12)
    assert values["accuracy"] == pytest.approx(right.sum() / (samples * kept).sum())
    step = model.train_step(X, y, sample_weight=WEIGHTS)
    assert step == pytest.approx(wanted, rel=1e-12)
    history = model.fit(X, y, batch_size=3, sample_weight=WEIGHTS)
    assert history["accuracy"][0] == pytest.approx(values["accuracy"], rel=1e-15)


@on_each
def test_where_all_is_ignored_everything_is_0(backend):
    y = np.full_like(Y, 255)
    model = segmenter(backend, pf.CrossEntropy(ignore_index=255), ("accuracy", "f1"))
    zero = {"loss": 0.0, "accuracy": 0.0, "f1": 0.0}
    assert model.evaluate(X, y) == zero
    assert model.loss(X, y) == 0 == model.train_step(X, y)
    history = model.fit(X, y, batch_size=4, validation_data=(X, y))
    row = history.rows[0]
    assert {name: row[name] for name in zero} == zero
    assert {name: row[f"val_{name}"] for name in zero} == zero
    one = segmenter(backend, pf.CrossEntropy(ignore_index=255, reduction="none"), ())
    assert (one.loss(X, y) == 0).all()


# --- data sets ---------------------------------------------------------------------

FLAT = rng.normal(size=(12, 4)).astype("float32")
LABELS = np.arange(12) % 3
NET = pf.Sequential([pf.Dense(3)], (4,), name="dense")


def hidden(ignored):
    return np.where(np.arange(12) % 4 == 1, ignored, LABELS)


@pytest.mark.parametrize("ignored", [255, -1, 1])
def test_a_data_set_knows_its_label_that_does_not_count(ignored):
    y = hidden(ignored)
    data = pf.data.from_arrays(
        FLAT, y, FLAT, y, classes=("a", "b", "c"), ignore_index=ignored
    )
    assert data.ignore_index == ignored and data.num_classes == 3
    kept = y[y != ignored]
    assert class_counts(data).tolist() == np.bincount(kept, minlength=3).tolist()
    unnamed = pf.data.from_arrays(FLAT, y, ignore_index=ignored)
    assert unnamed.num_classes == 1 + kept.max()
    loss = pf.CrossEntropy(ignore_index=ignored)
    model = pf.compile(NET, "torch", loss, metrics=["accuracy"], dtype="float64")
    for values in (model.evaluate(data), model.fit(data).rows[0]):
        assert 0 <= values["accuracy"] <= 1
    predicted = model.predict(FLAT).argmax(1)
    accuracy = (predicted == y)[y != ignored].mean()
    assert model.evaluate(data)["accuracy"] == accuracy


def test_a_data_set_whose_labels_are_all_ignored_has_no_classes():
    data = pf.data.from_arrays(FLAT, np.full(12, -1), ignore_index=-1)
    assert data.num_classes == 0 and class_counts(data).size == 0
    lines = list(describe_dataset(data))
    assert lines[-3:] == ["classes: 0", "ignored: label -1, 12 times", ""]


def test_data_that_have_no_option_take_the_label_of_the_loss(monkeypatch):
    """A plug-in's loader, say: label 255 of 3 classes is no 256th class."""
    monkeypatch.setattr(
        "polyframe.run.train.load", lambda name: pf.data.from_arrays(FLAT, hidden(255))
    )
    loss = {"type": "cross_entropy", "ignore_index": 255}
    recipe = pf.Recipe(NET, data="digits", loss=loss)
    data = load_data(recipe)
    assert data.ignore_index == 255 and data.num_classes == 3
    check_fit(recipe, data)


@pytest.mark.parametrize("form", ["npz", "npy"])
def test_a_recipe_tells_its_data_what_the_loss_ignores(form, tmp_path):
    x = rng.integers(0, 256, (12, 1, 2, 2)).astype("uint8")
    if form == "npz":
        path = tmp_path / "data.npz"
        np.savez(path, x=x, y=hidden(-1))
    else:
        path = tmp_path
        np.save(path / "x_train.npy", x)
        np.save(path / "y_train.npy", hidden(-1))
    net = pf.Sequential([pf.Flatten(), pf.Dense(3)], (1, 2, 2), name="dense")
    recipe = pf.Recipe(
        net, data={"name": str(path)}, loss={"type": "cross_entropy", "ignore_index": -1},
        metrics=["accuracy", "confusion_matrix"], epochs=1,
    )  # fmt: skip
    data = load_data(recipe)
    assert data.ignore_index == -1
    check_fit(recipe, data)
    result = train_run(recipe, "torch", tmp_path / "run")
    assert result.history[0]["confusion_matrix"].sum() == (hidden(-1) >= 0).sum()
    other = pf.Recipe(net, data={"name": str(path), "ignore_index": 5})
    text = "label -1 at sample 1 is outside 0, 1, 2, … and not the ignore_index 5"
    fails(DataError, lambda: load_data(other), text)


def test_labels_of_a_data_set_and_of_the_loss_have_to_agree():
    data = pf.data.from_arrays(FLAT, hidden(255), ignore_index=255)
    text = (
        "arrays: its label 255 is not to be counted, and cross_entropy has ignore_index "
        "{} (the loss says which labels are ignored: {{type: cross_entropy, ignore_index: "
        "255}})"
    )
    for ignored in (None, 0):
        loss = pf.CrossEntropy(ignore_index=ignored)
        model = pf.compile(NET, "torch", loss)
        for call in (model.fit, model.evaluate):
            fails(DataError, lambda call=call: call(data), text.format(ignored))
        assert model.steps_done == 0


BAD = {
    "mine: ignore_index is 2.5 (allowed: a whole number of 32 bits)": {"ignore_index": 2.5},
    "mine: ignore_index is True": {"ignore_index": True},
    "mine: ignore_index is 4294967296": {"ignore_index": 2**32},
    "mine, train: label 255 at sample 1 is outside 0..2 and not the ignore_index -1": {
        "ignore_index": -1, "classes": "abc",
    },
    "mine, train: label 255 at sample 1 is outside 0..2 (labels": {"classes": "abc"},
}  # fmt: skip


@pytest.mark.parametrize("message", BAD)
def test_what_a_data_set_refuses(message):
    options = {"name": "mine", **BAD[message]}
    fails(DataError, lambda: pf.data.from_arrays(FLAT, hidden(255), **options), message)


def test_a_label_that_is_a_numpy_integer():
    data = pf.data.from_arrays(FLAT, hidden(7), ignore_index=np.uint8(7))
    assert data.ignore_index == 7 and type(data.ignore_index) is int


@pytest.mark.parametrize("form", ["npz", "npy"])
def test_a_data_set_of_masks(form, tmp_path):
    y = masks(255)
    images = rng.integers(0, 256, (10, 4, 5)).astype("uint8")  # grey, without channels
    path = tmp_path / "masks.npz" if form == "npz" else tmp_path
    if form == "npz":
        np.savez(path, x_train=images, y_train=y, x_test=images, y_test=y.astype("u1"))
    else:
        np.save(path / "x_train.npy", images)
        np.save(path / "y_train.npy", y)
    recipe = pf.Recipe(
        pf.Sequential([pf.Conv2D(3, 1)], (1, 4, 5), name="segmenter"), epochs=1,
        loss={"type": "cross_entropy", "ignore_index": 255}, data=str(path),
        metrics=["accuracy", "mean_iou"], augmentation=["random_flip", "normalize"],
    )  # fmt: skip
    data = load_data(recipe)
    assert data.num_classes == 3 and data.train[1].shape == y.shape
    assert class_counts(data).tolist() == np.bincount(y[y != 255]).tolist()
    assert "classes: 3" in list(describe_dataset(data))
    assert sheet(data).startswith(b"\x89PNG")  # its first images
    result = train_run(recipe, "torch", tmp_path / "run")
    values = result.model.evaluate(images[:, None] / 255, y)
    predicted = result.model.predict(images[:, None] / 255).argmax(1)
    assert values["accuracy"] == (predicted == y)[y != 255].mean()
    if form == "npz":
        assert result.test["accuracy"] == values["accuracy"]
    message = "label 255 at sample 0 is outside 0..2"
    for labels in (y, y.astype("uint16")):
        fails(
            DataError,
            lambda labels=labels: pf.data.from_arrays(images, labels, classes="abc"),
            message,
        )
    text = "integer labels have shape (10, 4, 5), not (N,)"
    fails(DataError, lambda: pf.data.from_arrays(FLAT[:10], Y), text)


# --- a confusion matrix of weights ---------------------------------------------------


def test_a_run_keeps_a_confusion_matrix_of_weights(tmp_path, capsys):
    weights = np.linspace(0.25, 3, 12).astype("float32")
    np.savez(tmp_path / "data.npz", x=FLAT, y=LABELS, w_train=weights)
    recipe = pf.Recipe(
        NET, data=str(tmp_path / "data.npz"), epochs=1, metrics=["confusion_matrix"]
    )
    train_run(recipe, "torch", tmp_path / "run")
    train_run(recipe, "torch", tmp_path / "run", resume=True)  # reads what is written
    rows = json.loads((tmp_path / "run" / "result.json").read_text())["history"]
    (row,) = [row_of(row) for row in rows]
    assert row["confusion_matrix"].sum() == pytest.approx(weights.sum())
    print_matrices(row)
    shown = capsys.readouterr().out
    assert f"{row['confusion_matrix'].max():.15g}" in shown
