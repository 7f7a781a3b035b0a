"""Ejected scripts print what polyframe finds, to the last bit, whatever a recipe says."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from helpers.ejected import ejected, lint, rows, run, same, wanted
from helpers.failing import fails
from helpers.random_recipes import random_recipe
from helpers.support import BACKENDS

import polyframe as pf
from polyframe.eject.arrays import Samples
from polyframe.eject.write import eject
from polyframe.run.train import compile_recipe, load_data
from polyframe.spec import shipped
from polyframe.spec.settings import TRAINING

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
BASE = {"epochs": 3, "batch_size": 32, "seed": 2**31 + 4, "metrics": ("accuracy",)}
CASES = {
    "most": {
        "split": 0.2,
        "schedule": {"type": "cosine", "warmup": 0.5},
        "augmentation": ["normalize", "random_crop", "random_flip"],
        "accumulate": 2,
        "clip_norm": 0.5,
        "ema": 0.9,
        "loss": {"type": "cross_entropy", "class_weights": [1.0] * 9 + [2.0]},
        "metrics": ("accuracy", "f1", "confusion_matrix", "auroc"),
        "optimizer": {"type": "adamw", "lr": 0.01, "weight_decay": 0.05},
        "weight_decay_multipliers": {"*.bias": 0},
        "drop_last": True,
        "validation_batch_size": 40,
        "dtype": "float64",
    },
    "unfreezing": {
        "split": 0.2,
        "freeze": ["conv", "bn"],
        "unfreeze": {"bn": 1, "conv": 2},
        "learning_rate_multipliers": {"conv2": 0.1},
        "ema": 0.8,
        "precision": "bfloat16",
        "schedule": {"type": "reduce_on_plateau", "patience": 0},
        "callbacks": [
            {"type": "early_stopping", "monitor": "val_accuracy", "patience": 2},
            {"type": "model_checkpoint", "monitor": "val_accuracy", "every_steps": 2},
        ],
        "augmentation": ["mixup"],
        "epochs": 5,
    },
    "native": {
        "semantics": "native",
        "clip_value": 0.05,
        "schedule": {"type": "step", "every": 1},
        "drop_last": True,
    },
}
STOPS = {"most": (2, -2), "unfreezing": (5, -3), "native": (), "paths": (4,)}
"""Case → after how many steps Ctrl-C stops it, or (negative) at which it crashes, each
time."""
FULL = {
    "fine-tuning": {
        "freeze": ["conv", "bn"],
        "learning_rate_multipliers": {"conv2": 0.1},
        "weight_decay_multipliers": {"*.bias": 0},
        "optimizer": {"type": "sgd", "lr": 0.02, "weight_decay": 0.05},
        "semantics": "native",
    },
    "native in float64": {"semantics": "native", "dtype": "float64"},
    "weights and dropout": {
        "semantics": {"initializer": "native", "dropout": "native"}
    },
    "optimizer and loss": {"semantics": {"optimizer": "native", "loss": "native"}},
    "statistics": {"freeze": ["conv", "bn"], "freeze_statistics": False},
    "float16": {"precision": "float16", "split": 0.2, "ema": 0.9},
}


def digits(count=150):
    data = pf.data.load("digits")
    rng = np.random.default_rng(1)
    return dataclasses.replace(
        data,
        train=(data.train[0][:count], data.train[1][:count]),
        test=(data.test[0][:60], data.test[1][:60]),
        weights=rng.uniform(0.5, 2, count).astype(np.float32),
    )


def check(cases, backend, data, tmp_path, stops=None):
    """Eject recipes, run all of them in one process, and compare."""
    scripts = [
        (ejected(recipe, backend, data, tmp_path / name), (stops or {}).get(name, ()))
        for name, recipe in cases.items()
    ]
    texts = run(scripts)
    assert len(texts) == len(cases)
    for text, recipe in zip(texts, cases.values(), strict=True):
        same(rows(text), wanted(recipe, backend, data))
    return texts


def paths_data():
    """Training and validation data of two inputs and two outputs, and sample weights."""
    rng = np.random.default_rng(0)

    def part(count):
        x = [rng.normal(size=(count, 1, 8, 8)), rng.normal(size=(count, 5))]
        return x, [rng.normal(size=(count, 3)), rng.normal(size=(count, 2))]

    return part(40), part(20), rng.uniform(size=40)


def paths_recipe():
    a, b = pf.Input((1, 8, 8), name="a"), pf.Input((5,), name="b")
    joined = pf.Concat()(pf.Flatten()(pf.Conv2D(2, 3)(a)), b)
    outputs = pf.Dense(3, name="one")(joined), pf.Dense(2, name="two")(joined)
    spec = pf.ModelSpec([a, b], list(outputs), name="two_paths")
    return pf.Recipe(
        spec, loss="huber", metrics=("mae",), epochs=2, batch_size=16, ema=0.9,
        optimizer=pf.SGD(0.05, momentum=0.9),
    )  # fmt: skip


def two_paths(backend, out):
    """The script of a model with two inputs and two outputs."""
    train, held, weights = paths_data()
    data = Samples(train, validation=held, weights=weights)
    script, *_ = eject(paths_recipe(), backend, out, data)
    lint(script)
    return script


def wanted_of_two_paths(backend):
    """What ``fit`` finds for it."""
    train, held, weights = paths_data()
    model = compile_recipe(paths_recipe(), backend, optimize=False)
    history = model.fit(
        *train, sample_weight=weights, epochs=2, batch_size=16, validation_data=held
    )
    return {row["epoch"]: row for row in history.rows}


@pytest.mark.parametrize("backend", BACKENDS)
def test_scripts_print_what_training_finds_also_when_stopped(backend, tmp_path):
    cases = {
        name: pf.Recipe(MODEL, name="small", **BASE | case)
        for name, case in CASES.items()
    }
    data = digits()
    scripts = [
        ejected(recipe, backend, data, tmp_path / name)
        for name, recipe in cases.items()
    ]
    scripts.append(two_paths(backend, tmp_path / "paths"))
    texts = run(zip(scripts, STOPS.values(), strict=True))
    for text, stops in zip(texts, STOPS.values(), strict=True):
        assert text.count("start again to go on") == sum(stop > 0 for stop in stops)
        assert text.count("killed") == sum(stop < 0 for stop in stops)
        assert text.count("checkpoint.npz: goes on after") == len(stops)
    for text, recipe in zip(texts, cases.values(), strict=False):
        same(rows(text), wanted(recipe, backend, data))
    same(rows(texts[-1]), wanted_of_two_paths(backend))
    assert (tmp_path / "unfreezing/best.npz").exists()
    phased = scripts[1].read_text()  # what is the same is written once
    assert "class EjectedCnn2(" in phased and "class EjectedCnn3(" not in phased
    kept = {"checkpoint.npz", "trained.npz"}
    assert kept <= {path.name for path in (tmp_path / "most").iterdir()}


@pytest.mark.full
@pytest.mark.parametrize("backend", BACKENDS)
def test_scripts_of_other_settings(backend, tmp_path):
    cases = {
        name: pf.Recipe(MODEL, name="small", **BASE | case)
        for name, case in FULL.items()
        if (backend, name) != ("mxnet", "float16")  # not on the CPU
    }
    check(cases, backend, digits(), tmp_path)


@pytest.mark.full
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_scripts_of_random_recipes(backend, dtype, tmp_path):
    """Thirty of them, each stopped after a random number of steps."""
    rng = np.random.default_rng(5)
    cases, covered = {}, set()
    for number in range(30):
        recipe = random_recipe(number, dtype)
        covered |= {key for key, value in recipe.to_data().items() if value}
        cases[f"r{number}"] = recipe
    asked = {*TRAINING, "schedule", "augmentation", "callbacks", "metrics", "split"}
    if dtype == "float64":
        asked.remove("precision")  # it is for weights in float32
    assert asked <= covered
    stops = {name: (int(rng.integers(1, 6)),) for name in cases}
    check(cases, backend, digits(), tmp_path, stops)


SMALL = {
    "digits_cnn": {},
    "fashion_augmented": {"data": "synthetic"},
    "fashion_cnn": {"data": "synthetic"},
    "masks_unet": {"model.width": 0.5},
    "multi_label_cnn": {},
    "regression_cnn": {},
    "residual_cnn": {"data": "synthetic"},
    "signals_cnn": {},
    "simple_cnn": {"data": "synthetic"},
}
"""Shipped recipe → what makes it small."""


def test_all_shipped_recipes_are_tried():
    assert SMALL.keys() == set(shipped.names("recipe"))


@pytest.mark.full
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("backend", BACKENDS)
def test_scripts_of_shipped_recipes(backend, name, dtype, tmp_path):
    changes = {"epochs": 2, "dtype": dtype, **SMALL[name]}
    if name != "digits_cnn":
        changes |= {"data.train": 48, "data.test": 16}
    recipe = pf.load_recipe(name, changes)
    check({name: recipe}, backend, load_data(recipe), tmp_path, {name: (1,)})


@pytest.mark.full
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_rewritten_program_trains_to_the_same_bits(backend, tmp_path):
    """What is evaluated is the program that trains; polyframe folds batch norms there."""
    recipe = pf.Recipe(MODEL, **BASE)
    data = dataclasses.replace(digits(), test=None)
    script = ejected(recipe, backend, data, tmp_path / "out", optimize=True)
    (text,) = run([(script, ())])
    same(rows(text), wanted(recipe, backend, data, optimize=True))


@pytest.mark.full
def test_a_killed_script_ends_on_the_same_bits(tmp_path):
    """It goes on from the last checkpoint, and takes the steps after it again."""
    given = [{"type": "model_checkpoint", "every_steps": 2}]
    recipe, data = pf.Recipe(MODEL, **BASE, callbacks=given), digits()
    script = ejected(recipe, "torch", data, tmp_path / "out")
    killed = (
        "import math, os, runpy; real, count = math.isfinite, 0\n"
        "def isfinite(value):\n"
        "    global count; count += 1\n"
        "    return os._exit(9) if count == 8 else real(value)\n"
        f"math.isfinite = isfinite; runpy.run_path({str(script)!r}, run_name='__main__')"
    )
    command = [sys.executable, "-c", killed]
    first = subprocess.run(command, capture_output=True, text=True)
    assert first.returncode == 9, first.stderr
    (rest,) = run([(script, ())])
    assert "goes on after 6 steps" in rest
    same(rows(first.stdout + rest), wanted(recipe, "torch", data))


def test_dropping_all_batches_is_refused_as_training_does(tmp_path):
    recipe = pf.Recipe(MODEL, batch_size=512, drop_last=True)
    fails(
        pf.DataError,
        lambda: eject(recipe, "torch", tmp_path / "out", digits()),
        "drop_last: leaves nothing to train on: 150 samples are less than a batch of 512",
    )
    assert not (tmp_path / "out").exists()


def test_monitors_are_checked_before_anything_is_written(tmp_path):
    recipe = pf.Recipe(MODEL, callbacks=[{"type": "early_stopping", "monitor": "los"}])
    fails(
        pf.PolyframeError,
        lambda: eject(recipe, "torch", tmp_path / "out", digits()),
        "early_stopping: monitor 'los' is not a value of this training. Did you mean",
    )
    assert not (tmp_path / "out").exists()


def test_what_only_records_is_left_out_and_the_readme_says_so(tmp_path):
    recipe = pf.Recipe(MODEL, callbacks=["csv_log", "timing"], epochs=1)
    eject(recipe, "torch", tmp_path / "out", digits())
    text = (tmp_path / "out/README.md").read_text()
    assert "change nothing: `csv_log`, `timing`." in text
    assert "csv" not in (tmp_path / "out/train.py").read_text()
