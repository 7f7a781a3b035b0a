"""Running the programs of the defects: does each still show on what is installed?

A program runs in a process of its own, in an empty folder and with a time limit; harmless
ones may share a process (``run_together``), since importing a framework takes most of the
time. ``verdict`` says in words what became of a defect.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from polyframe.teach.defect_registry import HANGS, Defect

LIMIT = 120.0
"""Seconds that a program may take, the import of its framework included."""
EXIT = "exit 0"
FAILED = "exit 1"
ASSERTION = "AssertionError"
TOGETHER = """\
import contextlib, io, json, sys
with open("ends", "w") as file:
    for program in json.load(sys.stdin):
        printed, error = io.StringIO(), ""
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(program, "defect", "exec"), {"__name__": "__main__"})
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}".partition("\\n")[0]
        print(json.dumps([printed.getvalue(), error]), file=file, flush=True)
"""
"""Runs several programs one after the other; one line of JSON for each."""


@dataclass(frozen=True)
class Run:
    """How a program ended: "exit 0", "exit 1", the name of a signal, or "hangs"; what it
    printed until then, and the last line of its errors."""

    end: str
    prints: str
    error: str = ""


def run(defect: Defect, limit: float = LIMIT) -> Run:
    """Run a defect's program in a process of its own; after ``limit`` seconds it is
    killed, and hangs."""
    with tempfile.TemporaryDirectory() as folder:
        return _run(defect.program, "", folder, limit)


def run_together(harmless: Sequence[Defect], limit: float = LIMIT) -> dict[str, Run]:
    """Run defects that end by themselves in one process; id → how each ended.

    If that process dies or hangs, those without an answer run alone.
    """
    programs = json.dumps([defect.program for defect in harmless])
    with tempfile.TemporaryDirectory() as folder:
        _run(TOGETHER, programs, folder, limit)
        file = Path(folder, "ends")
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    runs = {}
    for i, defect in enumerate(harmless):
        if i < len(lines):
            prints, error = json.loads(lines[i])
            runs[defect.id] = Run(FAILED if error else EXIT, prints, error)
        else:
            runs[defect.id] = run(defect, limit)
    return runs


def _run(program: str, given: str, folder: str, limit: float) -> Run:
    try:
        done = subprocess.run(  # noqa: S603 - shipped programs, in our interpreter
            [sys.executable, "-c", program],
            input=given,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit,
            cwd=folder,
        )
    except subprocess.TimeoutExpired as late:
        prints = late.stdout or b""
        return Run(HANGS, prints.decode(errors="replace"))
    code = done.returncode
    end = f"exit {code}" if code >= 0 else signal.Signals(-code).name
    lines = done.stderr.strip().splitlines()
    return Run(end, done.stdout, lines[-1] if lines else "")


def shows(defect: Defect, ended: Run) -> bool:
    """Whether the defect is there: its program dies as it is said to, or, if it ends by
    itself, what it asserts holds."""
    return ended.end in (defect.dies or (EXIT,))


def verdict(defect: Defect, ended: Run) -> str:
    """What became of a defect, in one sentence: it shows, is healed, or its program ended
    in a way that says neither."""
    if shows(defect, ended):
        return f"{defect.id} shows"
    healed = ended.end == EXIT if defect.dies else ended.error.startswith(ASSERTION)
    if not healed:
        return (
            f"{defect.id}: its program ended with {ended.end} and says nothing of the "
            f"defect: {ended.error or 'no error was printed'}"
        )
    return (
        f"{defect.id} is healed (it was seen on {defect.seen}): strike out "
        f"polyframe/teach/defects/{defect.id}.*, and take back what avoids it: "
        f"{defect.avoided}"
    )
