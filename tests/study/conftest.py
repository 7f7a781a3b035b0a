"""What the tests of studies share."""

from __future__ import annotations

import gc

import pytest


@pytest.fixture(autouse=True)
def no_collection(monkeypatch):
    """statsmodels collects garbage at each correction for many comparisons, which takes
    long in a process that holds all that the tests have imported."""
    monkeypatch.setattr(gc, "collect", lambda generation=2: 0)
