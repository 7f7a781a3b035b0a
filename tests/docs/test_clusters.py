"""The example for SLURM in docs/clusters.md, with what it uses of dask-jobqueue."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "slurm_study.py"


def test_the_example_asks_for_whole_nodes(monkeypatch, capsys):
    asked = {}

    class SLURMCluster:
        scheduler_address = "tcp://10.0.0.1:8786"

        def __init__(self, **options):
            asked.update(options)

        def scale(self, jobs):
            asked["jobs"] = jobs

        def __enter__(self):
            return self

        def __exit__(self, *error):
            asked["closed"] = True

    module = SimpleNamespace(SLURMCluster=SLURMCluster)
    monkeypatch.setitem(sys.modules, "dask_jobqueue", module)
    monkeypatch.setattr("builtins.input", lambda text: "")
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert capsys.readouterr().out == "--executor dask --address tcp://10.0.0.1:8786\n"
    assert asked["jobs"] == 4 and asked["closed"]
    assert asked["worker_extra_args"] == ["--resources", "node=1"]
    assert asked["job_extra_directives"] == ["--exclusive"]
    assert asked["processes"] == 1, "one worker, and so one node, on a machine"
