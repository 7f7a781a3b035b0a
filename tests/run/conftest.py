"""Runs that several files of tests compare theirs with."""

from __future__ import annotations

import pytest
from helpers.resuming import copied, plain, prepared, recipe

from polyframe.run.train import train


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """The folder of a recipe's run that nothing stopped; each is trained once."""
    known = {}

    def of(backend, kind="recipe", **changes):
        key = (backend, kind, repr(sorted(changes.items())))
        if key not in known:
            known[key] = tmp_path_factory.mktemp("whole") / "run"
            make = recipe if kind == "recipe" else plain
            result = train(make(**changes), backend, known[key])
            assert result.status == "done"
        return known[key]

    return of


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Runs that no test changes: a whole one, one stopped after step 14, the recipe."""
    return prepared(tmp_path_factory.mktemp("disk"))


@pytest.fixture
def half(made, tmp_path):
    """A copy of the stopped run."""
    return copied(made, tmp_path / "run")
