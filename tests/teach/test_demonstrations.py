"""Every difference of the registry is shown by native programs that hold on the installed
versions, and that fail where the behaviour is another one."""

from __future__ import annotations

import pytest
from helpers import demonstrated
from helpers.support import BACKENDS

from polyframe.differences import differences
from polyframe.teach.demonstrations import (
    FOLDER,
)


@pytest.mark.parametrize("backend", BACKENDS)
def test_demonstrations_hold_and_refute_wrong_claims(backend):
    """In one test for each framework: importing it takes longer than all of them."""
    assert demonstrated.breaches(differences(), backend) == []


def test_each_demonstration_belongs_to_an_entry():
    wanted = {
        f"{d.id.replace('-', '_')}/{name}.py" for d in differences() for name in d.backends
    }
    there = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.py")}
    assert there == wanted
