"""Every test has a folder of its own; one run is trained for all that only read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from polyframe.run.train import train
from polyframe.spec.recipe import load_recipe


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder, trained once for the tests that only read it."""
    path = tmp_path_factory.mktemp("runs") / "digits"
    train(load_recipe("digits_cnn", {"epochs": 1}), "torch", path)
    return path
