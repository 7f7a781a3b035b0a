"""The worker: it answers in its protocol whatever happens, and never outlives who asked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import polyframe as pf
from polyframe.study.jobs import MODULE, PROTOCOL, Job, run_job
from polyframe.study.worker import LONGEST, about, answer
from polyframe.workers.process import Worker

PARENT = """\
import sys
from polyframe.study.jobs import MODULE
from polyframe.workers.process import Worker
import json
worker = Worker(MODULE, "cell", alone=True)
print(worker.process.pid, flush=True)
for message in worker.listen(json.loads(sys.argv[1]), 600):
    print(json.dumps(message), flush=True)
"""
PLUGIN = """\
import os, sys
print("on standard output")
os.system("echo from a child")
if "exit" in __file__:
    raise SystemExit("left early")
"""


def ask(worker, **request):
    return worker.ask({"protocol": PROTOCOL, **request})


def test_each_request_has_one_clear_answer(tmp_path):
    talks, leaves = tmp_path / "talks.py", tmp_path / "exit.py"
    talks.write_text(PLUGIN)
    leaves.write_text(PLUGIN)
    with Worker(MODULE, "worker", alone=True) as worker:
        told = ask(worker, protocol=PROTOCOL + 1, polyframe="9.9", do="about")
        assert told["result"] is None
        assert told["status"] == "failed"
        assert told["error"] == (
            f"speaks protocol {PROTOCOL} (polyframe {pf.__version__}), this study "
            f"{PROTOCOL + 1}: install polyframe 9.9 in {sys.executable}"
        )
        assert "'dance'" in ask(worker, do="dance")["error"]
        told = ask(worker, do="about", backend="torhc", plugins=[str(talks)])
        assert "unknown backend 'torhc'" in told["error"]
        told = ask(worker, do="about", backend="torch", plugins=[str(leaves)])
        assert "left early" in told["error"]
        told = ask(worker, do="cell", backend="torch")
        assert told["error"] == "KeyError: 'device'"
    assert worker.process.returncode == 0


def test_other_errors_are_cut_to_one_line(monkeypatch):
    def fail(request):
        raise RuntimeError("many\nlines " * 1000)

    monkeypatch.setattr("polyframe.study.worker.about", fail)
    told = answer({"protocol": PROTOCOL, "do": "about"}, print, (0.0, 0.0))
    assert told["status"] == "failed"
    assert told["error"].startswith("RuntimeError: many\\nlines")
    assert "\n" not in told["error"]
    assert len(told["error"]) < 2 * LONGEST


def test_it_tells_what_its_python_has():
    recipe = pf.load_recipe("digits_cnn")
    told = about({"backend": "torch", "recipe": recipe.to_data()})
    assert told["spec_hash"] == recipe.model.hash
    assert told["usable"]
    assert told["problem"] is None
    assert told["executable"] == sys.executable
    assert "cpu" in told["devices"]
    assert about({"backend": "torch", "recipe": None})["spec_hash"] is None


def test_a_python_without_polyframe_is_named(tmp_path, monkeypatch):
    """Where polyframe lies in the working directory, too."""
    venv = tmp_path / "venv"
    command = [sys.executable, "-m", "venv", "--without-pip", str(venv)]
    subprocess.run(command, check=True)
    python = str(venv / "bin" / "python")
    monkeypatch.chdir(Path(pf.__file__).parents[1])
    told = run_job(Job("cell", {"do": "about"}, python, time_limit=60))
    assert told == {
        "status": "failed",
        "error": f"{python} has no polyframe {pf.__version__}: install it there",
    }
    told = run_job(Job("cell", {"do": "about"}, str(tmp_path / "none")))
    assert told["status"] == "failed"
    assert str(tmp_path / "none") in told["error"]


def test_it_ends_with_whoever_asked_even_in_mid_training():
    recipe = pf.load_recipe("digits_cnn", {"epochs": 10**6})
    request = {
        "protocol": PROTOCOL, "do": "cell", "recipe": recipe.to_data(),
        "backend": "torch", "optimize": True, "device": "cpu", "divergence": False,
    }  # fmt: skip
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, json.dumps(request)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        try:
            told = [json.loads(parent.stdout.readline()) for _ in range(2)]
            assert [each["epoch"] for each in told] == [0, 1]
            assert runs(pid)
            parent.kill()
            parent.wait()
            until = time.monotonic() + 30
            while runs(pid) and time.monotonic() < until:
                time.sleep(0.05)
            assert not runs(pid)
        finally:
            parent.kill()
            if runs(pid):
                os.kill(pid, signal.SIGKILL)


def runs(pid):
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")


@pytest.mark.parametrize("limit", [3.0])
def test_one_that_takes_too_long_is_ended(limit, tmp_path):
    (tmp_path / "sleeps.py").write_text("import time\ntime.sleep(600)\n")
    began = time.monotonic()
    request = {"do": "about", "backend": "torch", "plugins": [f"{tmp_path}/sleeps.py"]}
    told = run_job(Job("cell", request, time_limit=limit))
    assert told["status"] == "timeout"
    assert time.monotonic() - began < 60
