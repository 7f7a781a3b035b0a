"""A study whose processes are killed or interrupted at random moments: when it goes on,
no cell is lost, and none that is finished runs again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from helpers.fake_studies import begun, behave, prepare, statuses

COMMAND = ("compare", "digits_cnn", "-b", "torch", "-b", "mxnet", "--no-certify")
SEEDS = 6
FOLDER = "study"
PATIENCE = 120.0


@pytest.fixture
def here(tmp_path):
    prepare(tmp_path, seconds=0.05)
    return tmp_path


def start(here, *options):
    """The command in a process of its own."""
    arguments = [*COMMAND, "--seeds", str(SEEDS), "-o", FOLDER, *options]
    return subprocess.Popen(
        [sys.executable, "coordinator.py", *arguments],
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(here)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background, Ctrl-C may be ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def until(condition, what):
    """Wait for a condition; what it gave."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f"waited in vain for {what}")


def workers(here):
    """The processes of all cells that ever began."""
    log = here / "begun.log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [int(line.rpartition(" ")[2]) for line in lines]


def alive(process):
    """Whether a process runs that is no zombie."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def records(here):
    """The files of the cells that have ended."""
    paths = (here / FOLDER / "cells").glob("*/*/seed-*.json")
    return {path: path.read_bytes() for path in paths}


def kill(here, moments, seed):
    """Begin the study and kill it, that many times; then let it end."""
    rng = random.Random(seed)
    for _ in range(moments):
        kept, before = records(here), len(begun(here))
        process = start(here)
        until(
            lambda: len(begun(here)) > before or process.poll() is not None,  # noqa: B023
            "a cell that begins",
        )
        time.sleep(rng.uniform(0, 0.3))
        process.kill()
        process.communicate()
        until(lambda: not any(map(alive, workers(here))), "the end of the workers")
        now = records(here)
        assert {path: now[path] for path in kept} == kept, "a finished cell ran again"
        if len(now) == 2 * SEEDS:
            break
    check_end(here, start(here))


def check_end(here, process, failed=0):
    """The study ends, with all of its cells."""
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == (1 if failed else 0), errors
    keys = {f"{b} {s}" for b in ("torch", "mxnet") for s in range(SEEDS)}
    ended = statuses(here / FOLDER)
    assert set(ended) == keys
    assert len(records(here)) == len(keys)
    assert sum(status != "done" for status in ended.values()) == failed
    assert f"{len(keys) - failed} done, {failed} failed" in output
    assert not list((here / FOLDER).rglob("*/.*.json.*")), "a half-written file is left"


def test_a_killed_coordinator_goes_on(here):
    kill(here, 3, seed=0)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(1, 8))
def test_a_killed_coordinator_goes_on_at_more_moments(here, seed):
    kill(here, 3, seed)


def test_killed_workers_are_failures_that_run_again_when_asked(here):
    behave(here, seconds=0.5)
    process, killed = start(here), 0
    rng = random.Random(1)
    for count in (2, 5, 9):
        until(lambda: len(workers(here)) >= count, "a cell that begins")  # noqa: B023
        time.sleep(rng.uniform(0, 0.2))
        with suppress(ProcessLookupError):
            os.kill(workers(here)[-1], signal.SIGKILL)
            killed += 1
    process.communicate(timeout=PATIENCE)
    failures = sum(status != "done" for status in statuses(here / FOLDER).values())
    assert failures in (killed, killed - 1)  # one may have sent its answer before
    ran = len(begun(here))
    assert ran == 2 * SEEDS
    behave(here)
    check_end(here, start(here), failed=failures)
    assert len(begun(here)) == ran
    check_end(here, start(here, "--retry-failed"))
    assert len(begun(here)) == ran + failures


def test_ctrl_c_ends_the_running_cell_and_says_how_to_go_on(here):
    behave(here, torch_1="deaf")
    process = start(here)
    until(lambda: begun(here)[-1:] == ["torch 1"], "the cell that does not end")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output) == (130, "")
    assert errors.splitlines()[-1] == (
        "interrupted: 2 of 12 cells have ended; the same command with -o study goes on"
    )
    assert not any(map(alive, workers(here)))
    behave(here)
    check_end(here, start(here, "--resume"))
