"""Ejected scripts of native semantics, fine-tuning and other settings: they print the
losses that polyframe finds."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from helpers.failing import fails
from helpers.support import BACKENDS

import polyframe as pf
from polyframe.eject.script import UNSUPPORTED_SETTINGS
from polyframe.eject.write import eject
from polyframe.run.train import compile_recipe

MODEL = pf.Sequential(
    [
        pf.Conv2D(4, 3, padding=1, bias=False, name="conv"),
        pf.BatchNorm(name="bn"),
        pf.ReLU(),
        pf.MaxPool2D(2),
        pf.Conv2D(6, 3, stride=2, padding=1, weight_init="he_normal", name="conv2"),
        pf.ReLU(),
        pf.Flatten(),
        pf.Dropout(0.3),
        pf.Dense(10, name="fc"),
    ],
    input_shape=(1, 8, 8),
    name="ejected_cnn",
)
FINE_TUNING = {
    "freeze": ["conv", "bn"],
    "learning_rate_multipliers": {"conv2": 0.1},
    "weight_decay_multipliers": {"*.bias": 0},
    "optimizer": {"type": "adamw", "lr": 0.01, "weight_decay": 0.05},
}
CASES = {
    "native": {"semantics": "native", "drop_last": True},
    "fine-tuning": FINE_TUNING | {"clip_norm": 0.5},
}
FULL = {
    "native fine-tuning": FINE_TUNING | {"semantics": "native", "clip_value": 0.05},
    "native in float64": {"semantics": "native", "dtype": "float64"},
    "weights and dropout": {
        "semantics": {"initializer": "native", "dropout": "native"}
    },
    "optimizer and loss": {"semantics": {"optimizer": "native", "loss": "native"}},
    "statistics": {"freeze": ["conv", "bn"], "freeze_statistics": False},
}


def digits():
    data = pf.data.load("digits")
    return dataclasses.replace(data, train=(data.train[0][:300], data.train[1][:300]))


def printed(script):
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    epochs = re.findall(r"loss ([\d.e-]+), test accuracy ([\d.]+)", done.stdout)
    return [float(loss) for loss, _ in epochs], [float(share) for _, share in epochs]


@pytest.mark.parametrize(
    "case",
    [*CASES, *(pytest.param(name, marks=pytest.mark.full) for name in FULL)],
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_script_prints_what_training_finds(backend, case, tmp_path):
    settings = {"seed": 2**31 + 4, "split": 0.2, "epochs": 2, "batch_size": 64}
    settings |= {"optimizer": {"type": "adam", "lr": 0.01}} | (CASES | FULL)[case]
    recipe = pf.Recipe(MODEL, name="small", metrics=("accuracy",), **settings)
    data = digits()
    script, *_ = eject(recipe, backend, tmp_path / "out", data)
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", str(script)]
        done = subprocess.run(ruff, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    losses, shares = printed(script)
    model = compile_recipe(recipe, backend, optimize=False)
    x, y = pf.data.split(data, 0.2, recipe.seed).train
    history = model.fit(
        x, y, epochs=2, batch_size=64, validation_data=data.test,
        drop_last=recipe.drop_last,
    )  # fmt: skip
    np.testing.assert_allclose(losses, history["loss"], rtol=1e-6)
    assert shares == [round(v, 4) for v in history["val_accuracy"]]


@pytest.mark.parametrize("name", UNSUPPORTED_SETTINGS)
def test_what_a_script_lacks_is_told_with_a_way_out(name, tmp_path):
    values = {
        "precision": "bfloat16", "accumulate": 2, "ema": 0.9, "unfreeze": {"conv": 1},
        "schedule": "cosine", "augmentation": ["random_flip"],
        "initial_weights": "w.safetensors",
    }  # fmt: skip
    more = {"freeze": ["conv"]} if name == "unfreeze" else {}
    recipe = pf.Recipe(MODEL, **{name: values[name]}, **more)
    text = fails(
        pf.UnsupportedError,
        lambda: eject(recipe, "torch", tmp_path / "out", digits()),
        f"{name}: eject does not write this yet: its scripts lack "
        f"{UNSUPPORTED_SETTINGS[name]} (--set ",
    )
    hint = json.loads(text.partition(f"--set {name}=")[2].rstrip(")"))
    plain = dataclasses.replace(recipe, **{name: hint})
    eject(plain, "torch", tmp_path / "out", digits())


def test_dropping_all_batches_is_refused_as_training_does(tmp_path):
    recipe = pf.Recipe(MODEL, batch_size=512, drop_last=True)
    fails(
        pf.DataError,
        lambda: eject(recipe, "torch", tmp_path / "out", digits()),
        "drop_last: leaves nothing to train on: 300 samples are less than a batch of 512",
    )
