"""Studies' jobs on a real Ray cluster of two nodes, of which one is killed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "helpers" / "ray_nodes.py"
LONGEST = 500
"""Seconds after which all of it is killed, whatever hangs."""
ALONE = ("unshare", "-rnpf", "--mount-proc", "--kill-child")
"""A network and processes of its own: whatever is left over ends with the first one."""
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_IMPORT_WARNING": "1"}


def may_unshare():
    """Whether this system lets us."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*ALONE, "true"], capture_output=True).returncode == 0


@pytest.mark.full  # half a minute
@pytest.mark.skipif(not may_unshare(), reason="namespaces are not allowed here")
def test_a_node_is_killed_and_every_job_ends_once(tmp_path):
    ran = subprocess.run(
        [*ALONE, sys.executable, str(SCRIPT), str(tmp_path)],
        env={**os.environ, **QUIET},
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-4000:]
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["nodes"] == 2
    assert result["ended"] == [[f"job{i}", "done"] for i in range(6)]
    (killed,) = result["killed"]
    began = [line for line in result["log"] if line[:2] == [killed, "began"]]
    assert len(began) == 2 and began[0][3] != began[1][3], "on another node"
    assert result["overlaps"] == []
    assert result["interrupted"] and result["ended_early"]
    assert result["after"] == ["done"], "the cluster was left as it was"
    assert "has no Python /none, which job0 needs" in result["missing"]
