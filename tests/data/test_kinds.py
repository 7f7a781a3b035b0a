"""Signals, volumes, targets of every kind, and the task that they tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.data_files import npy
from helpers.failing import fails

from polyframe import data
from polyframe.cli import cli
from polyframe.data import batch_of
from polyframe.data.rows import is_mapped
from polyframe.data.statistics import class_counts
from polyframe.errors import DataError
from polyframe.spec.augmentations import Normalize, RandomFlip
from polyframe.spec.tasks import TASKS, fitting_losses, fitting_metrics

rng = np.random.default_rng(0)
N = 6
Y = np.arange(N) % 3
X = rng.random((N, 4, 3, 2))  # as images (C, H, W)
SIGNALS = rng.random((N, 4, 8))
VOLUMES = rng.random((N, 2, 5, 4, 3))
LAST = {"NCL": "NLC", "NCHW": "NHWC", "NCDHW": "NDHWC"}

SAMPLES = {
    ("NCL", (N, 4, 8)): (4, 8),
    ("NCL", (N, 8)): (1, 8),
    ("NCHW", (N, 8)): (8,),
    ("NCHW", (N, 4, 8)): (1, 4, 8),
    ("NCHW", (N, 2, 4, 8)): (2, 4, 8),
    ("NCHW", (N, 2, 3, 4, 8)): (2, 3, 4, 8),
    ("NCDHW", (N, 2, 3, 4, 8)): (2, 3, 4, 8),
    ("NCDHW", (N, 3, 4, 8)): (1, 3, 4, 8),
}


@pytest.mark.parametrize(("layout", "given"), SAMPLES)
def test_samples_of_each_layout(layout, given):
    wanted = SAMPLES[layout, given]
    x = rng.random(given)
    made = data.from_arrays(x, Y, layout=layout)
    assert made.input_shape == wanted
    np.testing.assert_array_equal(made.train[0], x.reshape(N, *wanted))
    has_channels = len(given) == len(wanted) + 1 and len(given) > 2
    moved = np.moveaxis(x, 1, -1) if has_channels else x
    last = data.from_arrays(moved, Y, layout=LAST[layout])
    np.testing.assert_array_equal(last.train[0], x.reshape(N, *wanted))


def test_layouts_that_do_not_fit():
    for layout, shape, text in (
        (
            "NCL",
            (N, 2, 3, 4),
            "x has shape (6, 2, 3, 4) (the layout NCL has 3 axes, or 2",
        ),
        ("NCDHW", (N, 4, 8), "the layout NCDHW has 5 axes, or 4 without channels"),
        ("NCHW", (N,), "(N, features); (N, C, L) with the layout NCL"),
        ("NCLH", (N, 4, 8), "unknown layout 'NCLH'. Did you mean"),
    ):
        x = np.zeros(shape)
        call = lambda x=x, to=layout: data.from_arrays(x, Y, layout=to)  # noqa: E731
        fails(DataError, call, text)


EYE = np.eye(3, dtype=int)[Y]
HOT = np.array([[0, 0, 1], [1, 1, 0], [1, 1, 1], [0, 0, 0], [0, 1, 0], [1, 0, 1]])
PIXELS = rng.integers(0, 3, (N, 3, 2))
SHARES = rng.dirichlet(np.ones(3), N)
MASKS = rng.integers(0, 2, (N, 1, 3, 2))
TARGETS = {
    "labels": (X, Y, Y, "classification"),
    "a column of labels": (X, Y[:, None], Y, "classification"),
    "booleans": (X, Y > 1, Y > 1, "classification"),
    "one-hot": (X, EYE, EYE, "classification"),
    "one-hot booleans": (X, EYE > 0, EYE, "classification"),
    "probabilities": (X, SHARES, SHARES, "classification"),
    "binary numbers": (X, (Y > 1) * 1.0, Y > 1, "classification"),
    "multi-hot": (X, HOT, HOT, "multi-label"),
    "multi-hot floats": (X, HOT * 1.0, HOT, "multi-label"),
    "multi-hot features": (X[:, :, 0, 0], HOT, HOT, "multi-label"),
    "multi-hot signals": (SIGNALS, HOT, HOT, "multi-label"),
    "numbers": (X, Y * 0.5, Y * 0.5, "regression"),
    "several numbers": (X, X[:, :, 0, 0], X[:, :, 0, 0], "regression"),
    "labels of pixels": (X, PIXELS, PIXELS, "segmentation"),
    "labels of pixels, one channel": (X, PIXELS[:, None], PIXELS, "segmentation"),
    "boolean masks": (X, MASKS[:, 0] > 0, MASKS[:, 0], "segmentation"),
    "float masks": (X, MASKS[:, 0] * 1.0, MASKS, "segmentation"),
    "soft masks": (X, X / X.sum(1, keepdims=True), None, "segmentation"),
    "masks of labels": (X, MASKS.repeat(2, 1), None, "multi-label segmentation"),
    "labels of positions": (SIGNALS, SIGNALS[:, 0] > 0.5, None, "segmentation"),
    "labels of voxels": (VOLUMES, VOLUMES[:, 0] > 0.5, None, "segmentation"),
    "images": (X, X, X, "image-to-image"),
    "signals": (SIGNALS, SIGNALS, SIGNALS, "image-to-image"),
}


@pytest.mark.parametrize("name", TARGETS)
def test_targets_tell_their_task(name, tmp_path, monkeypatch):
    x, y, wanted, task = TARGETS[name]
    layout = "NCL" if x.ndim == 3 else "NCHW"
    wanted = y if wanted is None else wanted
    file = tmp_path / "set.npz"
    np.savez(file, x_train=x, y_train=y, x_test=x[:2], y_test=y[:2])
    for made in (
        data.from_arrays(x, y, x[:2], y[:2], layout=layout),
        data.load(file, layout=layout),
        data.load(
            npy(tmp_path / "npy", x_train=x, y_train=y, x_test=x[:2], y_test=y[:2]),
            layout=layout,
        ),
    ):
        assert made.task == task
        np.testing.assert_array_equal(made.train[1], wanted)
        np.testing.assert_array_equal(made.test[1], wanted[:2])
        assert made.train[1].dtype.kind == ("i" if made.num_classes else "f")
    # A piece at a time, as of a memory map, tells the same.
    monkeypatch.setattr("polyframe.data.tasks.PIECE", 1)
    assert made.task == task
    assert is_mapped(made.train[0])


def test_channels_of_targets_may_come_last():
    for x, layout in ((X, "NHWC"), (SIGNALS, "NLC"), (VOLUMES, "NDHWC")):
        moved = np.moveaxis(x, 1, -1)
        made = data.from_arrays(moved, moved, layout=layout)
        np.testing.assert_array_equal(made.train[1], x)
        labels = (x[:, :1] > 0.5).astype(int)
        made = data.from_arrays(moved, np.moveaxis(labels, 1, -1), layout=layout)
        np.testing.assert_array_equal(made.train[1], labels[:, 0])


def test_names_of_labels():
    made = data.from_arrays(X, HOT, classes=["a", "b", "c"])
    assert made.classes == ("a", "b", "c") and made.num_classes is None
    assert class_counts(made).tolist() == HOT.sum(axis=0).tolist()
    text = "y is float64, but 3 classes are named (give integer labels, or 0 and 1 for"
    for y in (HOT / 2, HOT[:, :2] * 1.0):
        call = lambda y=y: data.from_arrays(X, y, classes=["a", "b", "c"])  # noqa: E731
        fails(DataError, call, text)
    text = (
        "integer labels have shape (6, 3), not (N,) (floats are for a regression; 0 a"
    )
    fails(DataError, lambda: data.from_arrays(X, HOT * 2), text)


def test_losses_and_metrics_that_are_meant_for_a_task():
    decided = ["binary_cross_entropy", "focal"]
    regions = ["binary_cross_entropy", "dice", "focal"]
    numbers = ["cosine", "huber", "l1", "mse", "smooth_l1"]
    for task, shape, losses, metric in (
        ("classification", (3,), ["cross_entropy", "multi_margin", "nll"], "accuracy"),
        ("classification", (1,), decided, None),
        (
            "segmentation", (3, 4, 4),
            ["cross_entropy", "{type: dice, activation: softmax}", "nll"], "mean_iou",
        ),
        ("segmentation", (1, 4, 4), regions, None),
        ("multi-label", (3,), decided, None),
        ("multi-label segmentation", (3, 4, 4), regions, None),
        ("regression", (3,), numbers, "mae"),
        ("image-to-image", (3, 4, 4), numbers, "mse"),
    ):  # fmt: skip
        assert fitting_losses(task, shape) == losses
        if metric is not None:
            assert metric in fitting_metrics(task, shape)
    assert {task for *_, task in TARGETS.values()} == set(TASKS)


def test_what_is_for_images_says_so():
    made = data.from_arrays(SIGNALS, Y, layout="NCL")
    op = Normalize().resolved(made.train[0])
    np.testing.assert_allclose(op.mean, SIGNALS.mean((0, 2)), rtol=1e-12)
    x, _ = data.augment([op], batch_of(made.train[0], slice(3)), Y[:3], 0, 0)
    np.testing.assert_allclose(
        x * SIGNALS.std((0, 2))[:, None] + SIGNALS.mean((0, 2))[:, None], SIGNALS[:3]
    )
    with pytest.raises(Exception, match=r"takes images \(C, H, W\), and a sample is"):
        RandomFlip().check(made.input_shape, 3)


def test_synthetic_data_of_every_task_can_be_learnt():
    """A threshold on a pixel's colour finds its class; the mean of the samples with a
    label differs most where its pattern is; noise is what an image has to lose."""
    made = data.load("synthetic", kind="segmentation", shape=[1, 12, 10], classes=2,
                     train=40, test=8)  # fmt: skip
    x, y = made.test
    assert y.shape == (8, 12, 10) and made.task == "segmentation"
    assert 0.05 < y.mean() < 0.6 and y.reshape(8, -1).any(1).all()
    dark = x[:, 0][y == 0].mean() < 0.5
    assert (((x[:, 0] > 0.5) == dark) == (y == 1)).mean() > 0.9
    same = data.load("synthetic", kind="segmentation", shape=[1, 12, 10], classes=2,
                     train=40, test=3)  # fmt: skip
    assert all(map(np.array_equal, made.train, same.train))
    for shape in ((2, 9), (2, 5, 6, 4)):
        made = data.load("synthetic", kind="segmentation", shape=shape, train=9, test=0)
        assert made.train[1].shape == (9, *shape[1:]) and made.num_classes == 10
    made = data.load("synthetic", kind="multi-label", shape=[1, 8, 8], classes=3)
    (x, y), (tx, ty) = made.train, made.test
    assert made.task == "multi-label" and 0.4 < y.mean() < 0.6
    design = np.c_[x.reshape(len(x), -1), np.ones(len(x))]
    found = np.linalg.lstsq(design, y, rcond=None)[0]
    guess = np.c_[tx.reshape(len(tx), -1), np.ones(len(tx))] @ found
    assert ((guess > 0.5) == ty).mean() > 0.95
    made = data.load("synthetic", kind="image-to-image", shape=(2, 8, 8), train=50)
    x, y = made.train
    assert made.task == "image-to-image" and 0.05 < (x - y).std() < 0.15


def test_synthetic_data_that_cannot_be():
    for options, text in (
        ({"shape": 7, "kind": "segmentation"}, "a sample of shape (7,) has no pixels"),
        ({"kind": "segmentation", "train": 10**6}, "1,000,256 samples of shape (3, 32"),
        (
            {"kind": "multi-label", "classes": 0},
            "classes is 0 (allowed: an integer, 1 or",
        ),
        ({"kind": "multi-label", "targets": 2}, "targets is for kind='regression'"),
    ):
        call = lambda options=options: data.load("synthetic", **options)  # noqa: E731
        fails(DataError, call, text)


def info(*words):
    done = CliRunner().invoke(cli, ["data", "info", *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_data_info_says_the_task():
    np.savez("s.npz", x=SIGNALS, y=HOT)
    text = info("s.npz", "--set", "layout=NCL")
    assert "shape:   (N, 4, 8) of float64" in text
    assert "task:    multi-label (0 or 1 for each of several labels)" in text
    assert "losses:  binary_cross_entropy, focal" in text
    assert "no sheet of images: samples of shape (4, 8) are not images" in text
    assert f"  1  {HOT.sum(0)[1]:>7,}  ███" in text
    text = info("synthetic", "--set", "kind=segmentation", "--set", "train=9")
    assert "task:    segmentation (a class for each pixel)" in text
    assert "labels:  (N, 32, 32), one for each pixel" in text
    assert "metrics: accuracy, " in text and "mean_iou" in text
    assert Path("synthetic.png").exists()
    text = info("synthetic", "--set", "targets=2", "--no-images")
    assert "task:    regression (numbers)" in text and "metrics: mae, mse" in text


def test_names_of_classes_are_texts():
    """A model's file could not be loaded with others."""
    text = "arrays: classes is [0, 1, 2] (allowed: a list of texts, the names"
    fails(DataError, lambda: data.from_arrays(X, Y, classes=[0, 1, 2]), text)
    assert data.from_arrays(X, Y, classes=np.array(["a", "b", "c"])).num_classes == 3
