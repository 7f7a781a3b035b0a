"""Ejected scripts: they run without polyframe and print the same losses."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from helpers.failing import fails
from helpers.support import BACKENDS

import polyframe as pf
from polyframe.eject.write import eject
from polyframe.errors import UnsupportedError
from polyframe.run.train import load_data

MODEL = pf.Sequential(
    [
        pf.Conv2D(4, 3, padding=((0, 1), (1, 1)), name="conv"),
        pf.BatchNorm(name="bn"),
        pf.ReLU(),
        pf.MaxPool2D(2),
        pf.Flatten(),
        pf.Dropout(0.3),
        pf.Dense(10),
    ],
    input_shape=(1, 8, 8),
    name="ejected_cnn",
)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_ejected_script_prints_what_fit_finds(backend, tmp_path):
    data = pf.data.load("digits")
    data = dataclasses.replace(data, train=(data.train[0][:300], data.train[1][:300]))
    recipe = pf.Recipe(MODEL, name="small", epochs=2, batch_size=64, seed=4, split=0.2)
    paths = eject(recipe, backend, tmp_path / "out", data)
    assert [path.name for path in paths] == ["train.py", "weights.npz", "data.npz"]
    text = paths[0].read_text()
    assert not re.search(r"(import|from) polyframe", text)
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", str(paths[0])]
        done = subprocess.run(ruff, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    # -I -S would also hide the framework; a path entry that breaks `import polyframe`
    # shows that the script does not need it.
    (tmp_path / "polyframe.py").write_text("raise ImportError('not needed')")
    done = subprocess.run(
        [sys.executable, str(paths[0])],
        cwd=tmp_path,  # the script finds its data wherever it is called from
        env={**os.environ, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    epochs = re.findall(r"loss ([\d.e-]+), test accuracy ([\d.]+)", done.stdout)
    model = pf.compile(
        recipe.model, backend, loss=recipe.loss, optimizer=recipe.optimizer,
        metrics=["accuracy"], seed=4, optimize=False,
    )  # fmt: skip
    trained = pf.data.split(data, 0.2, seed=4).train
    history = model.fit(*trained, epochs=2, batch_size=64, validation_data=data.test)
    losses = [float(loss) for loss, _ in epochs]
    np.testing.assert_allclose(losses, history["loss"], rtol=1e-6)
    assert [float(a) for _, a in epochs] == [
        round(v, 4) for v in history["val_accuracy"]
    ]


OTHERS = {
    "masks_unet": {"model": pf.zoo.small_unet(3, (2, 8, 8), 0.5).to_data()},
    "signals_cnn": {},
    "regression_cnn": {"model": pf.Sequential(
        [pf.Conv3D(2, 2, name="c"), pf.Flatten(), pf.Dense(1)], (1, 3, 4, 2)
    ).to_data()},
}  # fmt: skip


@pytest.mark.full
@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_scripts_of_other_data_print_what_fit_finds(name, backend, tmp_path):
    """Masks, signals, and volumes with one number each, which data sets hold as (N,)."""
    changes = {"data.train": 40, "data.test": 8, "epochs": 2} | OTHERS[name]
    recipe = pf.load_recipe(name, changes)
    data = load_data(recipe)
    if name == "regression_cnn":
        data = pf.data.from_arrays(data.train[0], data.train[1][:, 0])
    paths = eject(recipe, backend, tmp_path / "out", data)
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, str(paths[0])], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    losses = [float(loss) for loss in re.findall(r"loss ([\d.e-]+)", done.stdout)]
    shares = [float(share) for share in re.findall(r"accuracy ([\d.]+)", done.stdout)]
    model = pf.compile(
        recipe.model, backend, loss=recipe.loss, optimizer=recipe.optimizer,
        metrics=["accuracy"] if recipe.loss.labels else [], optimize=False,
    )  # fmt: skip
    history = model.fit(
        *data.train, epochs=2, batch_size=recipe.batch_size,
        validation_data=data.test or data.train,
    )  # fmt: skip
    np.testing.assert_allclose(losses, history["loss"], rtol=1e-5)
    if recipe.loss.labels:
        assert shares == [round(v, 4) for v in history["val_accuracy"]]


def test_ejecting_overwrites_nothing_and_needs_no_framework(tmp_path):
    data = pf.data.load("digits")
    recipe = pf.load_recipe("digits_cnn")
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(pf.PolyframeError, match="exists and is not empty"):
        eject(recipe, "torch", tmp_path, data)
    assert os.listdir(tmp_path) == ["mine.txt"]
    code = (
        "import sys; sys.modules |= dict.fromkeys(['torch', 'tensorflow', 'mxnet']);"
        "import polyframe as pf; from polyframe.eject.write import eject;"
        "data = pf.data.load('digits');"
        f"[eject(pf.load_recipe('digits_cnn'), b, {str(tmp_path)!r} + '/' + b, data)"
        " for b in pf.backends()]"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("*/train.py"))) == len(BACKENDS)


def test_sample_weights_are_not_left_out_without_a_word(tmp_path):
    x, y = np.zeros((4, 1, 8, 8)), np.arange(4)
    data = pf.data.from_arrays(x, y, weights=[1, 2, 1, 1])
    recipe = pf.Recipe(MODEL, name="small")
    fails(
        UnsupportedError,
        lambda: eject(recipe, "torch", tmp_path / "out", data),
        "arrays: eject does not write sample weights yet",
    )
    assert not (tmp_path / "out").exists()
