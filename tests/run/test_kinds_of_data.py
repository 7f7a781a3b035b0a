"""Recipes of every kind of data, by the commands: shipped ones, and a folder of masks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.command_line import call, fails
from helpers.support import BACKENDS, within
from PIL import Image
from sklearn.metrics import jaccard_score

import polyframe as pf
from polyframe.run.train import load_data, note_outputs

SMALL = ("--epochs", 2, "--set", "data.train=96", "--set", "data.test=24")
SMALL += ("--batch-size", 16)
rng = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def log_softmax(z):
    z = z - z.max(1, keepdims=True)
    return z - np.log(np.exp(z).sum(1, keepdims=True))


def labels(z, y, metrics):
    assert "accuracy" not in metrics or metrics["accuracy"] == (z.argmax(1) == y).mean()
    if "mean_iou" in metrics:
        iou = jaccard_score(y.ravel(), z.argmax(1).ravel(), average="macro")
        assert abs(metrics["mean_iou"] - iou) < 1e-12
    return -np.take_along_axis(log_softmax(z), y[:, None], 1).mean()


def several_labels(z, y, metrics):
    return (np.log1p(np.exp(-np.abs(z))) + np.maximum(z, 0) - z * y).mean()


def numbers(z, y, metrics):
    assert abs(metrics["mae"] - np.abs(z - y).mean()) < 1e-6
    return ((z - y) ** 2).mean()


RECIPES = {
    "masks_unet": labels,
    "signals_cnn": labels,
    "multi_label_cnn": several_labels,
    "regression_cnn": numbers,
}
each = [
    pytest.param(
        name,
        backend,
        marks=[pytest.mark.full] * (backend != "torch" and name != "masks_unet"),
    )
    for backend in BACKENDS
    for name in RECIPES
]


@pytest.mark.parametrize(("name", "backend"), each)
def test_shipped_recipes_learn(name, backend):
    call("train", name, "-b", backend, *SMALL, "--quiet", "-o", "run")
    result = json.loads(Path("run/result.json").read_text())
    assert result["history"][1]["loss"] < result["history"][0]["loss"]
    x, y = load_data(pf.load_recipe(Path("run/recipe.yaml"))).test
    np.save("x.npy", x)
    text = call("predict", "run", "x.npy", "-o", "z.npy").stdout
    z = np.load("z.npy").astype(np.float64)
    value = RECIPES[name](z, y, result["test"])
    error = abs(result["test"]["loss"] - value) / value
    within("recipes of every kind", error, 1e-5, (name, backend))
    assert call("evaluate", "run", "--json")  # the same data, and the same check
    rows = json.loads(call("predict", "run", "x.npy", "--json").stdout)["predictions"]
    if name == "masks_unet":
        np.testing.assert_array_equal(rows[0]["class"], z[0].argmax(0))
        share = (z[0].argmax(0) == 1).mean()
        assert rows[0]["shares"].get("1", 0) == share
        assert " %" in text and "[[" not in text
    elif name == "multi_label_cnn":
        assert rows[3]["labels"] == [str(k) for k in np.flatnonzero(z[3] > 0)]
        np.testing.assert_allclose(rows[3]["probability"], 1 / (1 + np.exp(-z[3])))
    elif name == "signals_cnn":
        assert rows[1]["name"] == str(z[1].argmax())
    else:
        assert rows[2] == {"fc": pytest.approx(z[2])}


def mask_folder():
    """Bright squares on dark ground, with a border of 255 that is not to be counted."""
    for part, count in (("train", 24), ("test", 6)):
        for kind in ("images", "masks"):
            Path("set", part, kind).mkdir(parents=True)
        for i in range(count):
            row, column = rng.integers(2, 6, 2)
            mask = np.zeros((12, 12), np.uint8)
            mask[row : row + 5, column : column + 5] = 1
            image = np.where(mask, 200, 50) + rng.integers(-30, 30, mask.shape)
            mask[0] = 255
            Image.fromarray(image.astype(np.uint8)).save(f"set/{part}/images/{i}.png")
            palette = Image.fromarray(mask).convert("P")
            palette.save(f"set/{part}/masks/{i}.png")


RECIPE = """
name: squares
model: MODEL
loss: {type: cross_entropy, ignore_index: 255}
optimizer: {type: Adam, lr: 0.02}
metrics: [mean_iou]
augmentation: [normalize, random_flip]
data: {name: set, classes: [ground, square]}
batch_size: 4
epochs: 8
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_unet_on_a_folder_of_masks(backend):
    mask_folder()
    Path("unet.yaml").write_text(pf.zoo.small_unet(2, (1, 12, 12), 0.5).to_yaml())
    Path("squares.yaml").write_text(RECIPE.replace("MODEL", "unet.yaml"))
    call("train", "squares.yaml", "-b", backend, "--quiet", "-o", "run")
    result = json.loads(Path("run/result.json").read_text())
    x, y = load_data(pf.load_recipe(Path("run/recipe.yaml"))).test
    assert set(np.unique(y)) == {0, 1, 255}
    np.save("x.npy", x)
    text = call("predict", "run", "x.npy", "-o", "z.npy").stdout
    z, kept = np.load("z.npy").astype(np.float64), y != 255
    losses = -np.take_along_axis(log_softmax(z), np.where(kept, y, 0)[:, None], 1)[:, 0]
    value = losses[kept].mean()
    within(
        "recipes of every kind", abs(result["test"]["loss"] - value) / value, 1e-5,
        ("masks", backend),
    )  # fmt: skip
    iou = jaccard_score(y[kept], z.argmax(1)[kept], average="macro")
    assert abs(result["test"]["mean_iou"] - iou) < 1e-12
    assert iou > 0.7 and "ground" in text and "square" in text
    if backend == "torch":
        rows = json.loads(call("predict", "run", "x.npy", "--json").stdout)[
            "predictions"
        ]
        text = call("predict", "run", "set/test/images", "--json").stdout
        files = sorted(map(str, Path("set/test/images").iterdir()))
        named = [{"file": f, **row} for f, row in zip(files, rows, strict=True)]
        assert json.loads(text)["predictions"] == named
        assert f"{files[0]}  ground" in call("predict", "run", files[0]).stdout
        Image.new("L", (9, 12)).save("small.png")
        text = fails("predict", "run", "small.png")
        assert "small.png: is (1, 12, 9), but the model takes (1, 12, 12) (the" in text
        Path("bare").mkdir()
        assert "bare: has no images (suffixes of" in fails("predict", "run", "bare")
        text = call("data", "info", "set", "--set", "ignore_index=255").stdout
        assert "segmentation" in text and "ignored: label 255" in text
        wrong = ("--set", "loss=mse", "--set", "data.ignore_index=255")
        text = fails("train", "squares.yaml", "-b", backend, *wrong)
        assert "losses that fit: cross_entropy" in text and "Traceback" not in text


def test_arrays_are_read_as_the_model_takes_them():
    """Signals (N, C, L) are no grey images, where the model takes signals."""
    x, y = rng.random((8, 2, 6), np.float32), np.arange(8) % 3
    np.savez("s.npz", x=x, y=y)
    np.savez("last.npz", x=np.moveaxis(x, 1, -1), y=y)
    np.savez("v.npz", x=rng.random((8, 3, 4, 2), np.float32), y=y)
    tail = [pf.Flatten(), pf.Dense(3)]
    signals = pf.Sequential([pf.Conv1D(2, 3, name="c"), *tail], (2, 6))
    for data in ("s.npz", {"name": "last.npz", "layout": "NHWC"}):
        np.testing.assert_array_equal(
            load_data(pf.Recipe(signals, data=data)).train[0], x
        )
    volumes = pf.Sequential([pf.Conv3D(2, 2, name="c"), *tail], (1, 3, 4, 2))
    recipe = pf.Recipe(volumes, data="v.npz")
    assert load_data(recipe).input_shape == (1, 3, 4, 2)
    images = pf.Sequential([pf.Conv2D(2, 2, name="c"), *tail], (1, 2, 6))
    assert load_data(pf.Recipe(images, data="s.npz")).input_shape == (1, 2, 6)


def test_outputs_for_more_classes_than_the_data_have_are_told():
    said = []
    recipe = pf.load_recipe("digits_cnn", {"data": {"name": "synthetic", "classes": 4}})
    note_outputs(recipe, load_data(recipe), said.append)
    (text,) = said
    assert text == (
        "synthetic has 4 classes, but digits_cnn has 10 outputs: `predict` will not know "
        "their names (--set model.num_classes=4)"
    )
    recipe = pf.load_recipe("digits_cnn", {"data": "synthetic"})
    note_outputs(recipe, load_data(recipe), said.append)
    assert len(said) == 1
