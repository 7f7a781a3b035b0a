"""What the registry says that a difference costs is what the tool measures."""

from __future__ import annotations

import re

import measure_differences
import pytest

from polyframe.differences import difference, differences

TOOL = "tools/measure_differences.py"
ROUNDING = 1.5
"""Points by which another processor may train to another accuracy."""


def quoted(id):
    """The percentages that an entry quotes from the tool."""
    _, _, text = difference(id).matters.partition(TOOL)
    return [int(number) for number in re.findall(r"(\d+) %", text)]


def test_each_row_is_quoted_and_nothing_else():
    rows = {
        id: row
        for rows in measure_differences.ROWS.values()
        for id, row in rows.items()
    }
    assert set(rows) == {d.id for d in differences() if TOOL in d.matters}
    for id, row in rows.items():
        assert len(quoted(id)) == len(row), id


@pytest.mark.full
@pytest.mark.parametrize("backend", measure_differences.ROWS)
def test_the_numbers_are_those_that_are_measured(backend):
    for id, row in measure_differences.measured(backend).items():
        for said, (name, value) in zip(quoted(id), row.items(), strict=True):
            assert abs(said - value) < ROUNDING, (id, name)
