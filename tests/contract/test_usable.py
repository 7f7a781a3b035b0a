"""Every backend that the tests name is there: a missing one fails, and skips nothing."""

from __future__ import annotations

import pytest
from helpers.support import BACKENDS

from polyframe.contract import registry


@pytest.mark.parametrize("name", BACKENDS)
def test_it_loads(name):
    probe = registry.get(name).probe()
    assert probe.usable, probe.problem


def test_no_built_in_backend_is_left_out():
    own = "polyframe.backends."
    built_in = {
        n
        for n in registry.backends()
        if type(registry.get(n)).__module__.startswith(own)
    }
    assert built_in == set(BACKENDS)
