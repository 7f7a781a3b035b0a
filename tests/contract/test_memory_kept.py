"""What a step frees is kept for the next one, unless the user has set malloc himself."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

FAULTS = """
import resource
import numpy as np
from polyframe.contract.devices import keep_memory
if {keep}:
    keep_memory()
    keep_memory()
def touched():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    np.ones(2**23)
before = touched()
for _ in range(10):
    np.ones(2**23)
print(touched() - before)
"""


def faults(keep: bool, **env: str) -> int:
    command = [sys.executable, "-c", FAULTS.format(keep=keep)]
    # NumPy asks for huge pages, of which a system may or may not have some.
    env = {**os.environ, "NUMPY_MADVISE_HUGEPAGE": "0", **env}
    process = subprocess.run(
        command, env=env, check=True, capture_output=True, text=True
    )
    return int(process.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc is Linux's")
def test_memory_is_kept_but_for_users_who_have_set_malloc() -> None:
    """Ten arrays of 64 MiB, one after the other: 16,384 pages each."""
    assert faults(False) > 10 * 500
    assert faults(True) < 500
    assert faults(True, MALLOC_TRIM_THRESHOLD_="131072") > 10 * 500
