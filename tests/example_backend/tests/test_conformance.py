"""The whole suite, in a few lines."""

import pytest

from polyframe import conformance


@pytest.mark.parametrize("check", conformance.checks("jax"), ids=str)
def test_conformance(check):
    check.run()
