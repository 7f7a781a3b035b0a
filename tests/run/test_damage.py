"""Damaged and forged checkpoints: one message, the one before goes on, no traceback."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from helpers.resuming import (
    LOGS,
    assert_same_run,
    checkpoints,
    content,
    polyframe,
    refused,
    small,
    stopped,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from polyframe.errors import WeightsError
from polyframe.run.train import train
from polyframe.train.checkpoint import FOLDER, checkpoints_in, checksum, read

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
    newest, before = checkpoints_in(half / FOLDER)
    harm(newest / name, how)
    code, lines = polyframe(made, half, "--resume")
    assert code == 0
    (line,) = lines
    assert line.startswith(f"{newest}: ")
    assert line.endswith(f"; going on from {before.name}")
    kinds = ("is damaged",)
    if name == "state.json":
        kinds = ("is damaged", "is not JSON", "is of another kind", "is not UTF-8 text")
    assert any(f": {name} {kind}" in line for kind in kinds), line
    assert_same_run(half, made / "whole")


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_damage_too(name, made, half):
    newest, before = checkpoints_in(half / FOLDER)
    (newest / name).unlink()
    (line,) = polyframe(made, half, "--resume")[1]
    there = (
        "there is no such file" if name == "state.json" else "cannot be read: No such"
    )
    assert line.startswith(f"{newest}: {name} {there}")
    assert line.endswith(f"; going on from {before.name}")
    assert_same_run(half, made / "whole")


@pytest.mark.parametrize("how", HARMS)
def test_all_damaged_is_refused_and_nothing_changes(how, made, half):
    for path, name in zip(checkpoints_in(half / FOLDER), FILES[1:], strict=True):
        harm(path / name, how)
    before = content(half)
    line = refused(made, half, "(no other checkpoint is whole)", "--resume")
    assert f"error: {half / FOLDER}/step-0000000014: training.safetensors is" in line
    assert content(half) == before


def test_a_damaged_one_does_not_push_out_the_new_ones(made, half):
    """With keep 1, from the step before the damaged one on."""
    newest = checkpoints_in(half / FOLDER)[0]
    harm(newest / "state.json", cut)
    callbacks = [*checkpoints(3, keep=1, every_seconds=None), *LOGS]
    stopped(small(callbacks=callbacks), "torch", half, 13, resume=True)
    (left,) = checkpoints_in(half / FOLDER)
    assert read(left).progress.step == 13
    train(small(callbacks=callbacks), "torch", half, resume=True)
    assert (half / "weights.safetensors").read_bytes() == (
        made / "whole" / "weights.safetensors"
    ).read_bytes()


def test_logs_that_others_have_changed_stop_it(made, half):
    (half / "log.jsonl").write_text('{"epoch": 1}\nmine\n{"epoch": 2}\n')
    before = (half / "log.jsonl").read_bytes()
    refused(
        made, half, "log.jsonl: cannot be continued: line 2 is not JSON", "--resume"
    )
    assert (half / "log.jsonl").read_bytes() == before


# --- hostile states --------------------------------------------------------------


def only(half):
    """The newest checkpoint's state, the others gone."""
    newest, other = checkpoints_in(half / FOLDER)
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
    refused(made, half, "step-0000000014: state.json ", "--resume")


def test_bytes_that_are_no_text(made, half):
    only(half).write_bytes(b"\xff\xfe{}")
    refused(made, half, "state.json is not UTF-8 text", "--resume")


def test_a_folder_in_place_of_a_file(made, half):
    path = only(half)
    path.unlink()
    path.mkdir()
    refused(made, half, "state.json cannot be read: Is a directory", "--resume")


HUGE = 10**400
DAMAGED = "state.json is damaged"
STATES = {
    "missing step": ({"step": None}, DAMAGED),
    "huge step": ({"step": HUGE}, DAMAGED),
    "step below zero": ({"step": -1}, DAMAGED),
    "step is text": ({"step": "14"}, DAMAGED),
    "step is true": ({"step": True}, DAMAGED),
    "step is half": ({"step": 1.5}, DAMAGED),
    "index after the epoch": ({"index": 12}, "at step 12 of an epoch that has 11"),
    "huge rate": ({"learning_rate": HUGE}, DAMAGED),
    "rate NaN": ({"learning_rate": float("nan")}, DAMAGED),
    "seconds infinite": ({"seconds": float("inf")}, DAMAGED),
    "rows a number": ({"rows": 1}, DAMAGED),
    "rows a text": ({"rows": "abc"}, DAMAGED),
    "a row a number": ({"rows": [1]}, DAMAGED),
    "a value a text": ({"rows": [{"epoch": 1, "loss": "0"}]}, DAMAGED),
    "a value huge": ({"rows": [{"epoch": 1, "loss": HUGE}]}, DAMAGED),
    "a value a mapping": ({"rows": [{"epoch": {}}]}, DAMAGED),
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
    shutil.copytree(checkpoints_in(made / "half" / FOLDER)[0], path)
    return path, (path / "state.json").read_text()


@settings(max_examples=200, deadline=None)
@given(key=st.sampled_from((*KEYS, "setup", "files")), value=VALUES)
def test_any_state_is_read_or_refused(lone, key, value):
    path, text = lone
    (path / "state.json").write_text(text)
    forged(path / "state.json", {key: value})
    try:
        progress = read(path).progress
    except WeightsError as error:
        assert str(error).isprintable() and str(path) in str(error)
        return
    for name in ("epoch", "index", "step"):
        assert type(getattr(progress, name)) is int
    for row in progress.rows:
        for name, value in row.items():
            assert name.isprintable()
            assert isinstance(value, (int, float, np.ndarray))
