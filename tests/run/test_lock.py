"""One training in a folder at a time: the others are refused, and nothing is mixed."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers.command_line import call
from helpers.failing import fails
from helpers.resuming import command, content, fitted, plain, process, refused, written

import polyframe as pf
from polyframe.errors import LockedError, PolyframeError
from polyframe.io.lock import LOCK, check_unlocked, locked
from polyframe.run.train import train

PATIENCE = 300.0
"""Seconds that a process may take, on a machine with much else to do."""
HOLD = """\
import sys, time
from pathlib import Path
from polyframe.io.lock import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(600)
"""
REFUSED = (
    r"is being trained by (process (\d+)|another process) \(wait until it ends, or "
)


def held(folder):
    """A process that has the lock."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "locked\n"
    return child


def end(child, number=signal.SIGKILL):
    child.send_signal(number)
    child.communicate(timeout=PATIENCE)


def wait_until(condition):
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "it hangs"
        time.sleep(0.02)


# --- trainings ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """(a folder for files, a run folder that a process trains into, that process): of two
    that were started at once, the one that was not refused."""
    place = tmp_path_factory.mktemp("two")
    folder = place / "run"
    words = command(written(plain(epochs=100000), place), "torch", folder)
    children = [process(words) for _ in range(2)]
    try:
        wait_until(lambda: any(child.poll() is not None for child in children))
        loser, winner = sorted(children, key=lambda child: child.poll() is None)
        out, told = loser.communicate()
        assert (loser.returncode, out) == (2, ""), told
        told = re.fullmatch(f"error: {folder}: {REFUSED}.*\n", told)
        assert told and told[2] in (None, str(winner.pid))
        wait_until(lambda: (folder / "weights.safetensors").exists())
        yield place, folder, winner
        assert winner.poll() is None, winner.communicate()
    finally:
        for child in children:
            end(child)


@pytest.mark.parametrize("more", [(), ("--resume",)], ids=["anew", "resumed"])
def test_a_folder_in_training_is_refused(more, running):
    place, folder, child = running
    line = refused(place, folder, "is being trained by", *more)
    assert line == (
        f"error: {folder}: is being trained by process {child.pid} (wait until it ends, "
        "or name another folder)"
    )


def test_fit_is_refused_there(running):
    _, folder, child = running
    call = lambda: fitted(plain(), callbacks=["csv_log"], folder=folder)  # noqa: E731
    fails(LockedError, call, f"{folder}: is being trained by process {child.pid}")
    assert not (folder / "log.csv").exists()


def test_it_can_be_evaluated_and_used(running, tmp_path):
    _, folder, _ = running
    np.save(tmp_path / "x.npy", np.zeros((2, 1, 8, 8), "float32"))
    assert "accuracy" in call("evaluate", folder).stdout
    call("predict", folder, tmp_path / "x.npy", "-o", tmp_path / "y.npy")
    assert len(np.load(tmp_path / "y.npy")) == 2


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_whose_process_died_is_resumed(number, half):
    child = held(half)
    call = lambda: train(plain(), "torch", half, resume=True)  # noqa: E731
    fails(LockedError, call, f"{half}: is being trained by process {child.pid}")
    end(child, number)
    assert (half / LOCK).read_text() == str(child.pid)  # locked no more
    resume = train(plain(epochs=2), "torch", half, resume=True)
    assert resume.status == "done"
    assert not (half / LOCK).exists()


def test_a_lock_that_was_left_does_not_fill_a_folder(tmp_path):
    end(held(tmp_path / "run"))
    assert train(plain(epochs=1), "torch", tmp_path / "run").status == "done"
    assert not (tmp_path / "run" / LOCK).exists()


class Inside(pf.train.Callback):
    """Calls something while a model is trained."""

    def __init__(self, call):
        self.call = call

    def on_epoch_end(self, model, epoch, row):
        self.call()


def test_fits_that_write_lock_their_folder(tmp_path):
    """Those that write nothing go on side by side."""
    made = plain(epochs=1)

    def second():
        fails(
            LockedError,
            lambda: fitted(made, callbacks=["model_checkpoint"], folder=tmp_path),
            f"{tmp_path}: is being trained by process {os.getpid()}",
        )
        fitted(made, callbacks=["early_stopping"], folder=tmp_path, epochs=1)
        assert (tmp_path / LOCK).exists()

    fitted(made, callbacks=["csv_log", Inside(second)], folder=tmp_path, epochs=1)
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


# --- the lock ----------------------------------------------------------------------


def test_what_fails_leaves_no_folder(tmp_path):
    folder = tmp_path / "new" / "run"
    with pytest.raises(ZeroDivisionError), locked(folder):
        assert (folder / LOCK).read_text() == str(os.getpid())
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_it_is_taken_again_and_again(tmp_path):
    for _ in range(2):
        with locked(tmp_path):
            fails(
                LockedError, lambda: check_unlocked(tmp_path), f"{tmp_path}: is being"
            )
            with pytest.raises(LockedError), locked(tmp_path):
                raise AssertionError
        check_unlocked(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_lock_on_a_file_that_was_removed_is_none(tmp_path, monkeypatch):
    """It was opened just before another process removed it."""
    lock, left = fcntl.flock, [True]

    def flock(handle, how):
        if left:
            left.clear()
            (tmp_path / LOCK).unlink()
        lock(handle, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with locked(tmp_path):
        fails(LockedError, lambda: check_unlocked(tmp_path), f"{tmp_path}: is being")


def failing(code):
    def call(*args, **options):
        raise OSError(code, os.strerror(code))

    return call


def test_a_file_system_without_locks_is_told_once(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", failing(errno.ENOLCK))
    said = []
    result = train(plain(epochs=1), "torch", tmp_path / "run", say=said.append)
    assert said == [
        f"{tmp_path / 'run'}: its file system has no locks (No locks available), so "
        "polyframe cannot see whether another training writes there"
    ]
    assert result.status == "done" and not (tmp_path / "run" / LOCK).exists()


def test_a_folder_that_cannot_be_written_is_not_locked(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", failing(errno.EROFS))
        with locked(tmp_path):
            assert list(tmp_path.iterdir()) == []


def test_a_link_in_its_place_is_not_followed(half, tmp_path):
    """A run folder may come from a stranger."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (half / LOCK).symlink_to(victim)
    before = content(half)
    fails(
        PolyframeError,
        lambda: train(plain(), "torch", half, resume=True),
        f"{half / LOCK}: is not a file, so the folder cannot be locked (remove it)",
    )
    assert content(half) == before and victim.read_text() == "mine"


def test_what_else_the_file_says_is_not_repeated(tmp_path):
    with locked(tmp_path):
        (tmp_path / LOCK).write_text("\x1b[31m")
        fails(LockedError, lambda: check_unlocked(tmp_path), "by another process (wait")
