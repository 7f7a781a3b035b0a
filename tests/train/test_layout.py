"""``layout="NHWC"``: channels come last in samples and targets of any number of axes."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.failing import fails
from helpers.support import BACKENDS

import polyframe as pf
from polyframe.errors import DataError

on_each = pytest.mark.parametrize("backend", BACKENDS)
rng = np.random.default_rng(0)
# Sizes that equal the channels', so that a wrong order is no wrong shape.
RANKS = {1: pf.Conv1D, 2: pf.Conv2D, 3: pf.Conv3D}
each_rank = pytest.mark.parametrize("axes", RANKS)


def last(array):
    return np.ascontiguousarray(np.moveaxis(array, 1, -1))


def conv(axes, filters=3, **options):
    spec = pf.Sequential(
        [RANKS[axes](filters, 1, name="c", **options)], (3,) * (axes + 1)
    )
    return spec, np.eye(3).reshape(3, 3, *[1] * axes)


@on_each
@each_rank
def test_an_identity_of_signals_images_and_volumes(backend, axes):
    spec, eye = conv(axes, bias=False)
    model = pf.compile(
        spec,
        backend,
        loss="mse",
        optimizer=pf.SGD(0.0),
        dtype="float64",
        metrics=["mae"],
    )
    model.load_weights({"c.weight": eye})
    x = rng.normal(size=(4, 3, *[3] * axes))
    y = last(x)
    zero = {"loss": 0.0, "mae": 0.0}
    assert model.evaluate(y, y, layout="NHWC") == zero == model.evaluate(x, x)
    assert model.evaluate(y, x, layout="NHWC")["loss"] > 0.1  # the order does matter
    history = model.fit(y, y, layout="NHWC", validation_data=(y, y))
    assert history["loss"] == history["val_loss"] == [0.0]
    assert model.fit([(y, y), (y, y)], layout="NHWC")["loss"] == [0.0]
    assert model.train_step(y, y, layout="NHWC") == 0 == model.loss(y, y, layout="NHWC")
    assert (model.gradients(y, y, layout="NHWC")["c.weight"] == 0).all()
    assert (model.output_gradients(y, y, layout="NHWC")["c"] == 0).all()
    np.testing.assert_array_equal(model.predict(y, layout="NHWC"), x)
    np.testing.assert_array_equal(model.activations(y, layout="NHWC")["c"], x)


@on_each
@each_rank
def test_probabilities_have_channels_and_labels_have_none(backend, axes):
    spec, _ = conv(axes)
    model = pf.compile(spec, backend, loss="cross_entropy", dtype="float64")
    x = rng.normal(size=(4, 3, *[3] * axes))
    labels = rng.integers(0, 3, (4, *[3] * axes))
    soft = np.eye(3)[labels]  # channels last
    wanted = model.loss(x, labels)
    assert model.loss(last(x), labels, layout="NHWC") == wanted
    assert model.loss(last(x), soft, layout="NHWC") == pytest.approx(wanted, rel=1e-13)


def test_features_have_no_channels():
    model = pf.compile(pf.Sequential([pf.Dense(2)], (3,)), "torch", loss="mse")
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    assert model.loss(x, y, layout="NHWC") == model.loss(x, y)


def test_augmented_images_with_channels_last():
    spec, eye = conv(2, bias=False)
    model = pf.compile(
        spec, "torch", loss="mse", optimizer=pf.SGD(0.0), dtype="float64"
    )
    model.load_weights({"c.weight": eye})
    x = rng.normal(size=(6, 3, 3, 3))
    ops = [
        "random_flip", "random_rotate90", {"type": "random_crop", "padding": 1},
        pf.RandomAffine(20), pf.RandomResizedCrop(),
    ]  # fmt: skip
    assert model.fit(x, x, layout="NHWC", augmentation=ops)["loss"] == [0.0]


@pytest.mark.parametrize("form", ["arrays", "npz", "npy"])
def test_a_data_set_with_channels_last(form, tmp_path):
    x = rng.normal(size=(6, 3, 3, 3)).astype("float32")
    if form == "npz":
        np.savez(tmp_path / "d.npz", x=last(x), y=last(x))
        data = pf.data.load(tmp_path / "d.npz", layout="NHWC")
    elif form == "npy":
        np.save(tmp_path / "x_train.npy", last(x))
        np.save(tmp_path / "y_train.npy", last(x))
        data = pf.data.load(tmp_path, layout="NHWC")
    else:
        data = pf.data.from_arrays(last(x), last(x), last(x), last(x), layout="NHWC")
    for array in data.train:
        np.testing.assert_array_equal(array, x)
    spec, eye = conv(2, bias=False)
    model = pf.compile(
        spec, "torch", loss="mse", optimizer=pf.SGD(0.0), dtype="float64"
    )
    model.load_weights({"c.weight": eye})
    assert model.fit(data)["loss"] == [0.0] == [model.evaluate(data)["loss"]]


HINT = '(layout="NHWC" says that channels come last)'


def test_errors_name_the_layout():
    spec = pf.Sequential([pf.Conv1D(2, 1)], (3, 5))
    model = pf.compile(spec, "torch", loss="mse")
    x, y = rng.normal(size=(4, 3, 5)), rng.normal(size=(4, 2, 5))
    for call, text in (
        (
            lambda: model.loss(last(x), y),
            f"x (x): is (4, 5, 3); (N, 3, 5) is needed {HINT}",
        ),
        (
            lambda: model.loss(x, last(y)),
            f"y: is (4, 5, 2); (N, 2, 5) is needed {HINT}",
        ),
        (lambda: model.loss(x, y, layout="NCL"), "layout is 'NCL'; 'NCHW' or 'NHWC'"),
        (lambda: model.predict(x, layout="NHW"), "layout is 'NHW'; 'NCHW' or 'NHWC'"),
    ):
        fails(DataError, call, text)
