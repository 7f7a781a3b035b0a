"""A worker process: it answers, its end is told with its last words, it never stays."""

from __future__ import annotations

import sys

import pytest

from polyframe.errors import PolyframeError
from polyframe.workers.process import Worker

ECHO = """\
import json, os, sys
for line in sys.stdin:
    request = json.loads(line)
    if request.get("do") == "fail":
        print("first line", file=sys.stderr)
        raise SystemExit("the last words")
    print(json.dumps({"given": request, "word": os.environ["WORD"]}), flush=True)
"""


@pytest.fixture
def worker(tmp_path, monkeypatch):
    (tmp_path / "echoing.py").write_text(ECHO)
    monkeypatch.chdir(tmp_path)  # where ``python -m`` looks first
    with Worker("echoing", "the echo", {"WORD": "variable"}) as worker:
        yield worker
    assert worker.process.poll() is not None


def test_it_answers_each_request(worker):
    for number in range(3):
        answer = worker.ask({"number": number})
        assert answer == {"given": {"number": number}, "word": "variable"}


def test_an_end_is_told_with_its_last_words(worker):
    with pytest.raises(PolyframeError) as caught:
        worker.ask({"do": "fail"})
    assert str(caught.value) == (
        "the echo: its process ended with status 1: the last words"
    )


def test_it_runs_in_the_python_that_is_named(tmp_path, monkeypatch):
    (tmp_path / "which.py").write_text(
        "import json, sys\nsys.stdin.readline()\nprint(json.dumps(sys.executable))\n"
    )
    monkeypatch.chdir(tmp_path)
    with Worker("which", "which", python=sys.executable) as worker:
        assert worker.ask({}) == sys.executable


def test_one_that_hears_nothing_is_killed(tmp_path, monkeypatch):
    (tmp_path / "deaf.py").write_text(
        "import time\nprint('{}', flush=True)\ntime.sleep(600)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("polyframe.workers.process.PATIENCE", 0.1)
    worker = Worker("deaf", "the deaf")
    assert worker.ask({}) == {}
    worker.close()
    assert worker.process.returncode == -9
