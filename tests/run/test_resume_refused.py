"""What is no run to resume, or another training's, is refused and left alone."""

from __future__ import annotations

import pytest
from helpers.failing import fails
from helpers.resuming import (
    content,
    fitted,
    plain,
    stopped,
)

from polyframe.errors import PolyframeError, RecipeError
from polyframe.run.train import train
from polyframe.train.checkpoint import FOLDER


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
        ({"split": 0.25, "drop_last": False}, "drop_last, split"),
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
        "recipe; epochs, device, callbacks, validation_batch_size may change)",
    )
    assert content(half) == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 4}, "was made with seed 3, this training has 4"),
        ({"dtype": "float64"}, "was made with dtype 'float32', this training has"),
        (
            {"semantics": "native"},
            "with semantics 'aligned', this training has 'native'",
        ),
        (
            {"semantics": {"dropout": "native"}},
            "with semantics 'aligned', this training has {'dropout': 'native'}",
        ),
        ({"ema": 0.5}, "was made with ema None, this training has 0.5"),
        ({"optimizer": "SGD"}, "was made with optimizer 'Adam(exp_avg, exp_avg_sq)'"),
        ({"model": "digits_cnn", "data": "digits"}, "was made with spec '"),
        ({"metrics": ["f1"]}, "no totals of 'f1' that fit"),
        ({"batch_size": 22}, "was made with batch_size 4, this training has 22"),
        ({"drop_last": False}, "was made with drop_last True, this training has False"),
        ({"split": 0.25}, "with validation_split 0.2, this training has 0.25"),
        (
            {"data": {"name": "synthetic", "train": 15, "test": 4, "classes": 3}},
            "was made with samples 46, this training has 12",
        ),
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
        (full, "the folder is not empty, and not a run's: it has no recipe.yaml"),
        (full / "mine", "is a file, not a folder"),
    ):
        call = lambda f=folder: train(plain(), "torch", f, resume=True)  # noqa: E731
        fails(PolyframeError, call, f"{folder}: {message}")
    fails(
        PolyframeError, lambda: train(plain(), "torch", full), "or go on with --resume"
    )
    assert [path.name for path in full.iterdir()] == ["mine"]
