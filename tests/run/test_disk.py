"""Full and read-only disks, Ctrl-C: one message, and nothing lost."""

from __future__ import annotations

import csv
import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from helpers.resuming import (
    assert_same_run,
    command,
    content,
    polyframe,
    process,
    refused,
    run,
    small,
    strays,
    written,
)
from helpers.support import TORCH_FIRST

from polyframe.run.train import train
from polyframe.train.checkpoint import FOLDER, checkpoints_in, read

# --- full disks ------------------------------------------------------------------


def assert_whole(folder):
    """All that lies in a run folder can be read, and nothing is half done."""
    for path in checkpoints_in(folder / FOLDER):
        read(path)
    if (folder / "metrics.csv").exists():
        with (folder / "metrics.csv").open(newline="") as file:
            rows = list(csv.reader(file))
        assert len({len(row) for row in rows}) == 1
        numbers = [int(row[0]) for row in rows[1:]]
        assert numbers == list(range(1, len(rows)))
    assert strays(folder) == []


class Full:
    """Calls of one of the system's functions fail from the n-th on, or that one."""

    def __init__(self, monkeypatch, names, at, code, once=False):
        self.left, self.code, self.once = at, code, once
        for owner, name in names:
            monkeypatch.setattr(owner, name, self.wrap(getattr(owner, name)))

    def wrap(self, call):
        def counted(*args, **options):
            self.left -= 1
            if self.left == -1 or (self.left < 0 and not self.once):
                raise OSError(self.code, os.strerror(self.code))
            return call(*args, **options)

        return counted


# Where files are written: the 1st is recipe.yaml, the 4th what callbacks begin with, then
# three and a folder for each checkpoint; the whole run has some 50.
MOMENTS = (0, 1, 3, 6, 9, 10, 11, 15, 16, 21, 23, 24, 25, 26, 27, 30, 40, 48)


@pytest.mark.parametrize("at", MOMENTS)
@pytest.mark.parametrize("once", [False, True], ids=["full", "once"])
def test_full_at_any_write(once, at, made, tmp_path, monkeypatch):
    """Where room is made at once, what follows the failure must not hide a gap."""
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        Full(patch, [(os, "fsync")], at, errno.ENOSPC, once)
        line = refused(made, folder, "cannot be written: No space left on device")
    assert f"error: {folder}" in line
    if folder.exists():
        assert_whole(folder)
    assert polyframe(made, folder, "--resume") == (0, [])
    assert_same_run(folder, made / "whole")


@pytest.mark.parametrize("name", ["mkstemp", "mkdtemp", "replace", "rename"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_other_calls_that_fail(name, code, made, half, monkeypatch):
    import tempfile

    owner = tempfile if name.startswith("mk") else os
    before = content(half / FOLDER)
    with monkeypatch.context() as patch:
        Full(patch, [(owner, name)], 0, code)
        line = refused(
            made, half, f"cannot be written: {os.strerror(code)}", "--resume"
        )
    assert str(half) in line
    assert_whole(half)
    assert {k: v for k, v in content(half / FOLDER).items() if k in before} == before
    assert polyframe(made, half, "--resume") == (0, [])
    assert_same_run(half, made / "whole")


@pytest.fixture
def disk(tmp_path):
    """Mounts a file system in memory; None where the tests may not."""
    mounted: list[Path] = []

    def mount(size):
        path = tmp_path / "disk"
        path.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
        if subprocess.run(words, capture_output=True).returncode:
            return None
        mounted.append(path)
        return path

    yield mount
    for path in mounted:
        subprocess.run(["umount", "-l", str(path)], check=True)


def remount(path, options):
    subprocess.run(["mount", "-o", f"remount,{options}", str(path)], check=True)


def limited(size):
    """No file of a process may grow beyond it."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


LONG = 40
"""Epochs of a run that outgrows a small disk: its logs have 440 lines and more."""


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """The whole run of that length."""
    folder = tmp_path_factory.mktemp("long") / "run"
    train(small(epochs=LONG), "torch", folder)
    return folder


@pytest.mark.parametrize("kind", ["disk", "limit"])
def test_disk_that_runs_full(kind, long, disk, tmp_path):
    """A real one, in a process; where nothing can be mounted, a limit of its files."""
    recipe = written(small(epochs=LONG), tmp_path)
    place = disk("112k") if kind == "disk" else None
    folder = (place or tmp_path) / "run"
    words = command(recipe, "torch", folder)
    options = {} if place else {"before": limited(24_000)}
    told = run(words, 2, **options)
    reason = "No space left on device" if place else "File too large"
    assert told.startswith(f"error: {folder}/"), told
    assert told.endswith(f": cannot be written: {reason}\n") and told.count("\n") == 1
    assert_whole(folder)
    assert checkpoints_in(folder / FOLDER)[0].name > "step-0000000022"
    if place:
        remount(place, "size=16m")
    result = train(small(epochs=LONG), "torch", folder, resume=True)
    assert len(result.history) == LONG
    assert_same_run(folder, long)


def test_read_only_folder(made, disk, tmp_path):
    place = disk("16m")
    if place is None:  # what root may not write to either
        place = tmp_path / "file"
        place.write_text("mine")
        refused(made, place / "run", "cannot be read: Not a directory")
        return
    folder = place / "run"
    shutil.copytree(made / "half", folder)
    before = content(folder)
    remount(place, "ro")
    refused(made, folder, "recipe.yaml: cannot be written: Read-only file", "--resume")
    assert content(folder) == before
    refused(made, place / "new", "cannot be written: Read-only file system")
    remount(place, "rw")
    assert polyframe(made, folder, "--resume") == (0, [])
    assert_same_run(folder, made / "whole")


def test_folder_below_a_file(made, tmp_path):
    (tmp_path / "file").write_text("mine")
    refused(made, tmp_path / "file" / "run", "cannot be written: Not a directory")
    assert (tmp_path / "file").read_text() == "mine"


# --- data that are cut off -------------------------------------------------------


@pytest.mark.parametrize("kind", ["npz", "npy"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
def test_data_cut_off_in_the_middle(kind, share, made, tmp_path):
    rng = np.random.default_rng(0)
    arrays = {"x_train": rng.random((40, 1, 8, 8)), "y_train": np.arange(40) % 3}
    if kind == "npz":
        given = hurt = tmp_path / "data.npz"
        np.savez(given, **arrays)
    else:
        given = tmp_path / "data"
        given.mkdir()
        for name, array in arrays.items():
            np.save(given / f"{name}.npy", array)
        hurt = given / "x_train.npy"
    whole = hurt.read_bytes()
    hurt.write_bytes(whole[: int(len(whole) * share)])
    folder = tmp_path / "run"
    line = refused(made, folder, str(hurt), "--set", f"data={given}")
    assert "damaged" in line or "cannot be read" in line or "empty" in line, line
    assert not folder.exists()
    hurt.write_bytes(whole)
    if share == 0.5:
        more = ("--set", f"data={given}", "--epochs", "1")
        assert polyframe(made, folder, *more) == (0, [])


# --- Ctrl-C ----------------------------------------------------------------------


@pytest.mark.parametrize("backend", TORCH_FIRST)
def test_ctrl_c_of_a_process(backend, tmp_path):
    made = small(epochs=15)
    folder = tmp_path / "run"
    with process(command(written(made, tmp_path), backend, folder)) as child:
        until = time.monotonic() + 120
        while not checkpoints_in(folder / FOLDER) and child.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.005)
        child.send_signal(signal.SIGINT)
        out, told = child.communicate()
    assert (child.returncode, out) == (130, ""), told
    (line,) = told.splitlines()
    assert line.startswith("interrupted in epoch ")
    assert line.endswith(f" of 15; the weights so far are in {folder}")
    result = json.loads((folder / "result.json").read_text())
    assert result["status"] == "interrupted"
    assert checkpoints_in(folder / FOLDER)[0].name == f"step-{result['steps']:010d}"
    train(made, backend, folder, resume=True)
    train(made, backend, tmp_path / "whole")
    assert_same_run(folder, tmp_path / "whole")
