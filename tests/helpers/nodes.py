"""Jobs for tests of executors: their "Python" is a script that speaks as a study's worker
does, so that they cost nothing; and processes that are nodes of a cluster."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from polyframe.study.jobs import Job

SCRIPT = """\
import json, os, select, sys, time

request = json.loads(sys.stdin.readline())


def log(what):
    with open(request["log"], "a") as file:
        line = [request["name"], what, os.getpid(), node, time.time()]
        file.write(json.dumps(line) + "\\n")


def parent(process):
    with open(f"/proc/{process}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])


node = os.getppid()
hangs = request["hangs_on"] in (node, parent(node))
log("began")
print(json.dumps({"event": "epoch", "node": node}), flush=True)
until = time.monotonic() + (300 if hangs else request["seconds"])
while time.monotonic() < until:
    if select.select([sys.stdin], [], [], 0.05)[0]:  # its end: nobody wants an answer
        log("was dropped")
        sys.exit(1)
log("ended")
print(json.dumps({"result": {"name": request["name"], "node": node}}), flush=True)
"""


def fake_python(folder: Path) -> str:
    """The path of the script."""
    path = folder / "python"
    path.write_text(f"#!{sys.executable} -SE\n{SCRIPT}")
    path.chmod(0o755)
    return str(path)


def make_jobs(
    folder: Path, count: int, seconds: float, hangs_on: int = -1, **more: object
) -> list[Job]:
    """Jobs that write into ``log`` in the folder when they begin and end. On the node of
    the process ``hangs_on`` they do not end."""
    python = fake_python(folder)
    log = str(folder / "log")
    request = {"log": log, "seconds": seconds, "hangs_on": hangs_on}
    return [
        Job(f"job{i}", {"name": f"job{i}", **request}, python, **more)
        for i in range(count)
    ]


def log_of(folder: Path) -> list[list]:
    """What jobs wrote: (name, what, process, process of the node, time)."""
    path = folder / "log"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def status_of(process: int) -> tuple[str, int]:
    """The state of a process, and the one that it belongs to; ("", 0) if it is gone."""
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return "", 0
    state, parent = text.rpartition(")")[2].split()[:2]
    return state, int(parent)


def alive(process: int) -> bool:
    """Whether a process runs. One that ended may stay as a zombie ("Z")."""
    return status_of(process)[0] not in ("", "Z", "X")


def wait_for(true, seconds: float = 120.0):
    """What ``true`` returns, once that is something."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if result := true():
            return result
        time.sleep(0.05)
    raise AssertionError(f"it did not happen within {seconds:g} s")


def overlaps(log: list[list]) -> list[tuple[str, str]]:
    """Pairs of jobs that ran at one time on one node, those that were killed left out."""
    spans = {}
    for name, what, process, node, when in log:
        spans.setdefault((node, process), {"name": name})[what] = when
    whole = [(node, s) for (node, _), s in spans.items() if "ended" in s]
    return [
        (a["name"], b["name"])
        for i, (node, a) in enumerate(whole)
        for other, b in whole[i + 1 :]
        if node == other and a["began"] < b["ended"] and b["began"] < a["ended"]
    ]


class Processes:
    """Processes, each with a group of its own; all end with this."""

    def __init__(self) -> None:
        self.all: list[subprocess.Popen] = []

    def start(self, *words: str, **more: object) -> subprocess.Popen:
        """One that runs a module of this Python."""
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **more,
        )
        self.all.append(process)
        return process

    def end(self) -> None:
        """Kill them and all that they have started."""
        for process in self.all:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
