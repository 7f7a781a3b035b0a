"""What is copied into scripts computes what polyframe does, and needs NumPy alone."""

from __future__ import annotations

import functools
import re
import subprocess
import sys

import numpy as np
import pytest

import polyframe as pf
from polyframe.compiler.python.sections import import_lines
from polyframe.compiler.python.snippets import global_names
from polyframe.data.augment import augment
from polyframe.eject.copying import Copier
from polyframe.eject.lines import filled
from polyframe.eject.phases import renamed
from polyframe.errors import UnsupportedError
from polyframe.spec.augmentations import Augmentation
from polyframe.spec.callbacks import EarlyStopping
from polyframe.spec.losses import Loss, normalise_weights, sample_weights
from polyframe.spec.metrics import Metric
from polyframe.spec.schedules import Schedule
from polyframe.spec.totals import Totals, bind_metrics

NEEDED = {
    "step": {"every": 1}, "multi_step": {"milestones": [1]}, "exponential": {"gamma": 0.5},
    "cosine_restarts": {"period": 1}, "random_affine": {"degrees": 20},
    "cutout": {"size": 3}, "normalize": {"mean": [0.4], "std": [0.3]},
    "color_jitter": {"brightness": 0.3, "contrast": 0.2, "hue": 0.1},
}  # fmt: skip
BUILT_IN = {
    family: [
        word for word, kind in family.registry.items() if "polyframe" in kind.__module__
    ]
    for family in (Augmentation, Schedule, Metric, Loss)
}
USED = {
    Augmentation: ("apply", "joint", "words"),
    Schedule: ("rate",),
    Metric: ("start", "update", "value", "keeps_outputs"),
    Loss: ("define", "denominator_weights", "reduction", "loss_weight"),
}


@functools.cache
def elements(family):
    words = BUILT_IN[family]
    return [family.parse({"type": word, **NEEDED.get(word, {})}) for word in words]


@functools.cache
def copied():
    """All of them in one module: its text, and its names."""
    copier, calls = Copier(), {}
    for family, used in USED.items():
        calls[family] = copier.elements(elements(family), used)
    copier.functions("polyframe.data.augment", "augment")
    copier.functions("polyframe.spec.totals", "Totals", "BoundMetric")
    copier.functions(
        "polyframe.spec.losses.base", "sample_weights", "normalise_weights"
    )
    copier.functions("polyframe.spec.callbacks", "Patience")
    body = "\n\n\n".join(copier.take())
    lines = import_lines(copier.imports, global_names(body))
    text = '"""All."""\n\n' + "\n".join(lines) + f"\n\n\n{body}\n"
    names = {"__name__": "copied"}
    sys.modules["copied"] = type(sys)("copied")  # dataclasses look there
    exec(text, names)
    made = {
        family: [eval(one.flat(), names) for one in several]
        for family, several in calls.items()
    }
    return text, names, made


def test_the_text_is_clean_and_knows_no_polyframe(tmp_path):
    text, *_ = copied()
    path = tmp_path / "all.py"
    path.write_text(text)
    for command in (["check"], ["format", "--check", "--diff"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", str(path)]
        done = subprocess.run(ruff, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    assert not re.search("import polyframe|from polyframe|raise |DataError", text)


@pytest.mark.parametrize("word", BUILT_IN[Augmentation])
def test_augmentations_are_the_same(word):
    _, names, made = copied()
    at = BUILT_IN[Augmentation].index(word)
    rng = np.random.default_rng(0)
    for channels in (1, 3):
        x = rng.uniform(size=(6, channels, 8, 8)).astype(np.float32)
        if word == "normalize":
            x = x[:, :1]
        y = rng.integers(0, 4, 6)
        own = augment([elements(Augmentation)[at]], x, y, 3, 5, 2, 4, None)
        theirs = names["augment"]([made[Augmentation][at]], x, y, 3, 5, 2, 4, None)
        assert all(np.array_equal(a, b) for a, b in zip(own, theirs, strict=True))


@pytest.mark.parametrize("word", BUILT_IN[Schedule])
def test_schedules_are_the_same(word):
    *_, made = copied()
    at = BUILT_IN[Schedule].index(word)
    own, theirs = elements(Schedule)[at], made[Schedule][at]
    rows = [{"val_loss": v} for v in np.linspace(1, 2, 30)]
    for time in np.linspace(0, 30, 61):
        known = rows[: int(time)]
        assert own.rate(0.1, time, 30, known) == theirs.rate(0.1, time, 30, known)


@pytest.mark.parametrize("word", BUILT_IN[Metric])
def test_metrics_are_the_same(word):
    _, names, made = copied()
    at = BUILT_IN[Metric].index(word)
    rng = np.random.default_rng(0)
    metric = elements(Metric)[at]
    loss = pf.CrossEntropy(ignore_index=0) if metric.labels else pf.MSE()
    if word == "binary_accuracy":
        loss = pf.BinaryCrossEntropy()
    (bound,) = bind_metrics([metric], (loss,), [("y", (6,))])
    theirs = names["BoundMetric"](
        bound.key, made[Metric][at], 0, (6,), bound.ignored, bound.binary
    )
    totals = Totals([bound]), names["Totals"]([theirs])
    for _ in range(3):
        output = rng.normal(size=(9, 6))
        y = rng.integers(0, 6, 9) if metric.labels else rng.uniform(size=(9, 6))
        weights = rng.uniform(size=9)
        for each in totals:
            each.add([output], [y], weights)
            each.add_loss(float(output.sum()), 2.0)
    rows = [each.values() for each in totals]
    assert np.array_equal(rows[0][bound.key], rows[1][bound.key])
    assert rows[0]["loss"] == rows[1]["loss"]


@pytest.mark.parametrize("word", BUILT_IN[Loss])
def test_losses_are_the_same(word):
    _, names, made = copied()
    at = BUILT_IN[Loss].index(word)
    own, theirs = elements(Loss)[at], made[Loss][at]
    rng = np.random.default_rng(0)
    output = rng.normal(size=(5, 6, 2)) if word == "dice" else rng.normal(size=(5, 6))
    target = rng.integers(0, 6, 5) if own.labels else rng.uniform(size=output.shape)
    assert np.array_equal(own.define(output, target), theirs.define(output, target))
    given = rng.uniform(size=5)
    weights = (
        normalise_weights([sample_weights((own,), [target], given)], [5]),
        names["normalise_weights"](
            [names["sample_weights"]((theirs,), [target], given)], [5]
        ),
    )
    assert np.array_equal(weights[0][0][0], weights[1][0][0])


def test_patience_is_the_same():
    _, names, _ = copied()
    own = EarlyStopping(min_delta=0.1).counter()
    theirs = names["Patience"](own.smaller, own.min_delta, own.baseline)
    for epoch, value in enumerate([1, 0.95, np.nan, 0.8, 0.75, 0.75], 1):
        own.see(value, epoch)
        theirs.see(value, epoch)
        assert (own.best, own.waited) == (theirs.best, theirs.waited)


def test_two_definitions_of_one_name_are_refused():
    copier = Copier()
    copier.functions("polyframe.spec.augmentations.base", "uniform")
    with pytest.raises(UnsupportedError, match="two definitions called uniform"):
        copier.begin(type("Other", (), {"name": "mine"}), "uniform")


def test_lines_of_a_template():
    text = """def f():
    a()  #: yes
    b()  #: not yes
    c()  #: no not yes
    MORE
    return WORD
"""
    made = filled(text, {"yes": True, "no": False}, {"MORE": []}, {"WORD": "1"})
    assert made == "def f():\n    a()\n    return 1\n"


def test_other_names_for_what_a_model_is_called():
    text = "def f(x):\n    return g(x, f=1).f + f(f)\n"
    assert renamed(text, {"f": "h"}) == "def h(x):\n    return g(x, f=1).f + h(h)\n"
