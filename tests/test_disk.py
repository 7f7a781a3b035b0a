"""Damaged checkpoints, full and read-only disks, Ctrl-C: one message, and nothing lost."""

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
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from resuming import (
    assert_same_run,
    checkpoints,
    command,
    content,
    plain,
    process,
    run,
    stopped,
    strays,
    written,
)
from support import BACKENDS

from polyframe.cli import cli
from polyframe.errors import WeightsError
from polyframe.runs import train
from polyframe.train.checkpoint import FOLDER, checksum, found_in, read

LOGS = [{"type": "json_log", "every_step": True}, "csv_log"]


def small(**changes):
    """11 steps an epoch, a checkpoint every 3."""
    return plain(**{"epochs": 2, "callbacks": [*checkpoints(3), *LOGS]} | changes)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folders that no test changes: a whole run, and one stopped behind step 14."""
    folder = tmp_path_factory.mktemp("disk")
    train(small(), "torch", folder / "whole")
    stopped(small(), "torch", folder / "half", 14)
    written(small(), folder)
    return folder


@pytest.fixture
def half(made, tmp_path):
    """A copy of the stopped run, to damage."""
    shutil.copytree(made / "half", tmp_path / "run")
    assert [path.name[-2:] for path in found_in(tmp_path / "run" / FOLDER)] == [
        "14",
        "12",
    ]
    return tmp_path / "run"


def polyframe(made, folder, *more):
    """``polyframe train``: (exit code, lines on stderr). Never a traceback."""
    recipe = made / "recipe_of_test.yaml"
    args = ["train", recipe, "-b", "torch", "-o", folder, "--quiet", *more]
    done = CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="polyframe")
    assert done.stdout == ""
    return done.exit_code, done.stderr.splitlines()


def refused(made, folder, message, *more):
    """Exit code 2 and one line that holds that text."""
    code, lines = polyframe(made, folder, *more)
    assert code == 2, lines
    assert len(lines) == 1 and lines[0].startswith("error: "), lines
    assert message in lines[0]
    assert len(lines[0]) < 1000
    return lines[0]


# --- damage ----------------------------------------------------------------------


def cut(data):
    return data[: len(data) // 2]


def flip(data):
    changed = bytearray(data)
    changed[len(data) // 2] ^= 1
    return bytes(changed)


def empty(data):
    return b""


HARMS = (cut, flip, empty)
FILES = ("weights.safetensors", "training.safetensors", "state.json")


def harm(path, how):
    path.write_bytes(how(path.read_bytes()))


@pytest.mark.parametrize("how", HARMS)
@pytest.mark.parametrize("name", FILES)
def test_damage_is_told_and_the_one_before_goes_on(name, how, made, half):
    newest, before = found_in(half / FOLDER)
    harm(newest / name, how)
    code, lines = polyframe(made, half, "--resume")
    assert code == 0
    (line,) = lines
    assert line.startswith(f"{newest}: ")
    assert line.endswith(f"; going on from {before.name}")
    if name != "state.json":
        assert f"{name} is damaged" in line
    else:
        assert "is not JSON" in line or "state.json is damaged" in line
    assert_same_run(half, made / "whole")


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_damage_too(name, made, half):
    newest, before = found_in(half / FOLDER)
    (newest / name).unlink()
    (line,) = polyframe(made, half, "--resume")[1]
    assert f"{newest}: " in line and f"going on from {before.name}" in line
    assert_same_run(half, made / "whole")


@pytest.mark.parametrize("how", HARMS)
def test_all_damaged_is_refused_and_nothing_changes(how, made, half):
    for path, name in zip(found_in(half / FOLDER), FILES[1:], strict=True):
        harm(path / name, how)
    before = content(half)
    line = refused(made, half, "(no other checkpoint is whole)", "--resume")
    assert f"error: {half / FOLDER}/step-0000000014: training.safetensors is" in line
    assert content(half) == before


def test_a_damaged_one_does_not_push_out_the_new_ones(made, half):
    """With keep 1, from the step before the damaged one on."""
    newest = found_in(half / FOLDER)[0]
    harm(newest / "state.json", cut)
    callbacks = [*checkpoints(3, keep=1, every_seconds=None), *LOGS]
    stopped(small(callbacks=callbacks), "torch", half, 13, resume=True)
    (left,) = found_in(half / FOLDER)
    assert read(left).place.step == 13
    train(small(callbacks=callbacks), "torch", half, resume=True)
    assert (half / "weights.safetensors").read_bytes() == (
        made / "whole" / "weights.safetensors"
    ).read_bytes()


def test_logs_that_others_have_changed_stop_it(made, half):
    (half / "log.jsonl").write_text('{"epoch": 1}\nmine\n{"epoch": 2}\n')
    before = (half / "log.jsonl").read_bytes()
    refused(made, half, "log.jsonl: cannot be continued: line 2 is no JSON", "--resume")
    assert (half / "log.jsonl").read_bytes() == before


# --- hostile states --------------------------------------------------------------


def only(half):
    """The newest checkpoint's state, the others gone."""
    newest, other = found_in(half / FOLDER)
    shutil.rmtree(other)
    return newest / "state.json"


TEXTS = {
    "nested": "[" * 10**6,
    "nested mappings": '{"a":' * 10**6,
    "closed": "[" * 5000 + "]" * 5000,
    "just too deep": '{"schema": 1, "a": ' + "[" * 600 + "]" * 600 + "}",
    "digits": '{"schema": ' + "1" * 10**5 + "}",
    "NaN": "NaN",
    "a list": "[1]",
    "twice": '{"schema": 1, "schema": 1}',
    "another schema": '{"schema": 2}',
    "no keys": '{"schema": 1}',
    "half a surrogate": '{"schema": 1, "\\ud800": 1}',
    "zeros": "\0" * 100,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_hostile_texts(text, made, half):
    only(half).write_text(text)
    refused(made, half, "step-0000000014: ", "--resume")


def test_bytes_that_are_no_text(made, half):
    only(half).write_bytes(b"\xff\xfe{}")
    refused(made, half, "is not UTF-8 text", "--resume")


def test_a_folder_in_place_of_a_file(made, half):
    path = only(half)
    path.unlink()
    path.mkdir()
    refused(made, half, "cannot be read: Is a directory", "--resume")


HUGE = 10**400
DAMAGED = "state.json is damaged"
STATES = {
    "missing step": ({"step": None}, DAMAGED),
    "huge step": ({"step": HUGE}, DAMAGED),
    "step below zero": ({"step": -1}, DAMAGED),
    "step is text": ({"step": "14"}, DAMAGED),
    "step is true": ({"step": True}, DAMAGED),
    "step is half": ({"step": 1.5}, DAMAGED),
    "index behind the epoch": ({"index": 12}, "at step 12 of an epoch that has 11"),
    "huge rate": ({"learning_rate": HUGE}, DAMAGED),
    "rate NaN": ({"learning_rate": float("nan")}, DAMAGED),
    "seconds infinite": ({"seconds": float("inf")}, DAMAGED),
    "rows a number": ({"rows": 1}, DAMAGED),
    "rows a text": ({"rows": "abc"}, DAMAGED),
    "a row a number": ({"rows": [1]}, DAMAGED),
    "a figure a text": ({"rows": [{"epoch": 1, "loss": "0"}]}, DAMAGED),
    "a figure huge": ({"rows": [{"epoch": 1, "loss": HUGE}]}, DAMAGED),
    "a figure a mapping": ({"rows": [{"epoch": {}}]}, DAMAGED),
    "a ragged matrix": ({"rows": [{"epoch": [[1], [1, 2]]}]}, DAMAGED),
    "a matrix of texts": ({"rows": [{"epoch": [["a"]]}]}, DAMAGED),
    "a name that steers": ({"rows": [{"\x1b[2J": 1}]}, DAMAGED),
    "a name that is no text": ({"rows": [{"\ud800": 1}]}, DAMAGED),
    "callbacks a list": ({"callbacks": [1]}, DAMAGED),
    "a callback's a number": ({"callbacks": {"RunFolder": 1}}, DAMAGED),
    "seconds of the run": (
        {"callbacks": {"RunFolder": {"seconds": HUGE}}},
        "run folder: its state in the checkpoint is damaged: seconds is 1000",
    ),
    "the best": (
        {"callbacks": {"Checkpointer": {"best": [HUGE, 1]}}},
        "model_checkpoint: best is [1000",
    ),
    "no best": ({"callbacks": {"Checkpointer": {}}}, "model_checkpoint: best is None"),
    "files a list": ({"files": []}, DAMAGED),
    "no files": ({"files": {}}, DAMAGED),
    "paths": ({"files": {"../../recipe.yaml": "0"}}, DAMAGED),
    "setup a number": ({"setup": 1}, DAMAGED),
    "setup empty": ({"setup": {}}, "was made with spec None"),
    "setup huge": ({"setup": {"spec": "x" * 10**6}}, "was made with spec 'xxx"),
}


def forged(path, changes):
    """A state with changes, its checksum put right."""
    state = json.loads(path.read_text())
    del state["checksum"]
    state |= changes
    state = {k: v for k, v in state.items() if v is not None}
    text = json.dumps(state)
    state = json.loads(text)
    state["checksum"] = checksum(state)
    path.write_text(json.dumps(state))


@pytest.mark.parametrize("name", STATES)
def test_hostile_states(name, made, half):
    changes, message = STATES[name]
    forged(only(half), changes)
    refused(made, half, message, "--resume")


@pytest.mark.parametrize(
    "changes",
    [
        {"callbacks": {"../../x": {"a": 1}, "\x1b[2J": {}}, "epoch": 1},
        {"rows": [], "path": "/etc/passwd"},
        {"seconds": 1e308, "learning_rate": 0.0},
    ],
)
def test_odd_states_that_do_no_harm(changes, made, half):
    forged(only(half), changes)
    assert polyframe(made, half, "--resume") == (0, [])
    assert {path.name for path in half.parent.iterdir()} == {"run"}


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.just(HUGE),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = ("epoch", "index", "step", "learning_rate", "seconds", "rows", "callbacks")


@pytest.fixture(scope="module")
def lone(made, tmp_path_factory):
    """A checkpoint to forge again and again, and its state's text."""
    path = tmp_path_factory.mktemp("lone") / "step-0000000014"
    shutil.copytree(found_in(made / "half" / FOLDER)[0], path)
    return path, (path / "state.json").read_text()


@settings(max_examples=200, deadline=None)
@given(key=st.sampled_from((*KEYS, "setup", "files")), value=VALUES)
def test_any_state_is_read_or_refused(lone, key, value):
    path, text = lone
    (path / "state.json").write_text(text)
    forged(path / "state.json", {key: value})
    try:
        place = read(path).place
    except WeightsError as error:
        assert str(error).isprintable() and str(path) in str(error)
        return
    for name in ("epoch", "index", "step"):
        assert type(getattr(place, name)) is int
    for row in place.rows:
        for name, figure in row.items():
            assert name.isprintable()
            assert isinstance(figure, (int, float, np.ndarray))


# --- full disks ------------------------------------------------------------------


def assert_whole(folder):
    """All that lies in a run folder can be read, and nothing is half done."""
    for path in found_in(folder / FOLDER):
        read(path)
    if (folder / "metrics.csv").exists():
        with (folder / "metrics.csv").open(newline="") as file:
            rows = list(csv.reader(file))
        assert len({len(row) for row in rows}) == 1
        numbers = [int(row[0]) for row in rows[1:]]
        assert numbers == list(range(1, len(rows)))
    assert strays(folder) == []


class Full:
    """Calls of one of the system's functions fail from the n-th on."""

    def __init__(self, monkeypatch, names, at, code):
        self.left, self.code = at, code
        for owner, name in names:
            monkeypatch.setattr(owner, name, self.wrap(getattr(owner, name)))

    def wrap(self, call):
        def counted(*args, **options):
            self.left -= 1
            if self.left < 0:
                raise OSError(self.code, os.strerror(self.code))
            return call(*args, **options)

        return counted


# Where files are written: the 1st is recipe.yaml, the 4th what callbacks begin with, then
# three and a folder for each checkpoint; the whole run has some 50.
MOMENTS = (0, 1, 3, 6, 9, 10, 11, 15, 16, 21, 23, 24, 25, 26, 27, 30, 40, 48)


@pytest.mark.parametrize("at", MOMENTS)
def test_full_at_any_write(at, made, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        Full(patch, [(os, "fsync")], at, errno.ENOSPC)
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


@pytest.mark.parametrize("kind", ["disk", "limit"])
def test_disk_that_runs_full(kind, made, disk, tmp_path):
    """A real one, in a process; where nothing can be mounted, a limit of its files."""
    recipe = written(small(epochs=LONG), tmp_path)
    place = disk("160k") if kind == "disk" else None
    folder = (place or tmp_path) / "run"
    words = command(recipe, "torch", folder)
    options = {} if place else {"before": limited(24_000)}
    told = run(words, 2, **options)
    reason = "No space left on device" if place else "File too large"
    assert told.startswith(f"error: {folder}/"), told
    assert told.endswith(f": cannot be written: {reason}\n") and told.count("\n") == 1
    assert_whole(folder)
    assert found_in(folder / FOLDER)[0].name > "step-0000000022"
    if place:
        remount(place, "size=16m")
    result = train(small(epochs=LONG), "torch", folder, resume=True)
    assert len(result.history) == LONG
    train(small(epochs=LONG), "torch", tmp_path / "whole")
    assert_same_run(folder, tmp_path / "whole")


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


@pytest.mark.parametrize("backend", BACKENDS)
def test_ctrl_c_of_a_process(backend, tmp_path):
    made = small(epochs=30)
    folder = tmp_path / "run"
    with process(command(written(made, tmp_path), backend, folder)) as child:
        until = time.monotonic() + 120
        while not found_in(folder / FOLDER) and child.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.005)
        child.send_signal(signal.SIGINT)
        out, told = child.communicate()
    assert (child.returncode, out) == (130, ""), told
    (line,) = told.splitlines()
    assert line.startswith("interrupted in epoch ")
    assert line.endswith(f" of 30; the weights so far are in {folder}")
    result = json.loads((folder / "result.json").read_text())
    assert result["status"] == "interrupted"
    assert found_in(folder / FOLDER)[0].name == f"step-{result['steps']:010d}"
    train(made, backend, folder, resume=True)
    train(made, backend, tmp_path / "whole")
    assert_same_run(folder, tmp_path / "whole")
