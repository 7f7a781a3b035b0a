"""Every planted bug is caught by the suite, and named by the localiser."""

from __future__ import annotations

from collections import Counter

import pytest
from helpers.planted_bugs import BUGS
from helpers.support import BACKENDS


def test_there_are_enough_of_them_on_each_backend_and_most_are_named():
    counts = Counter(bug.backend for bug in BUGS)
    assert len({str(bug) + bug.entry for bug in BUGS}) == len(BUGS) >= 40
    assert all(counts[backend] >= 12 for backend in BACKENDS)
    assert sum(bug.names is not None for bug in BUGS) >= 0.9 * len(BUGS)
    assert all(bug.names or bug.why for bug in BUGS)


@pytest.mark.parametrize("bug", BUGS, ids=lambda b: f"{b}, {b.entry}")
def test_the_suite_catches_it(bug):
    assert bug.caught()


NAMED = [
    pytest.param(bug, marks=[pytest.mark.full] * (number % 2), id=f"{bug}, {bug.entry}")
    for number, bug in enumerate(b for b in BUGS if b.names)
]
"""Every second one is for test-full."""


@pytest.mark.parametrize("bug", NAMED)
def test_diff_names_it(bug):
    divergence = bug.named()
    assert divergence is not None
    assert bug.names in (divergence.layer, divergence.entry), str(divergence)
