"""Logs in files: what stands in them, and that resumes neither double nor lose rows."""

from __future__ import annotations

import csv
import json
import math
import sys
import tempfile
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from helpers.failing import fails
from helpers.fake_loop import play, row_of, step_end
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from polyframe.errors import PolyframeError
from polyframe.spec.callbacks import JsonLog, TensorBoard
from polyframe.train import Plan
from polyframe.train.callbacks.start import start

MODEL = SimpleNamespace(steps_done=0)
STEPS_TOO = JsonLog("steps.jsonl", every_step=True)
LOGS = ["csv_log", "json_log", STEPS_TOO]
NUMBERS = [
    "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "lr", "seconds",
    "examples_per_sec",
]  # fmt: skip


def read_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def read_json(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def files(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


# --- what stands in them -----------------------------------------------------------


def test_a_row_an_epoch(tmp_path):
    play(start(["csv_log", "json_log"], tmp_path / "run"), 3, 2)
    for rows in (
        read_csv(tmp_path / "run/log.csv"),
        read_json(tmp_path / "run/log.jsonl"),
    ):
        assert [list(row) for row in rows] == [NUMBERS] * 3
        for epoch, row in enumerate(rows, 1):
            wanted = row_of(epoch, 2)
            assert {name: float(row[name]) for name in NUMBERS} == {
                name: float(wanted[name]) for name in NUMBERS
            }
    assert (tmp_path / "run/log.csv").read_text().splitlines()[1].startswith("1,0.75,")


def test_a_line_a_step(tmp_path):
    play(start(STEPS_TOO, tmp_path), 2, 3)
    lines = read_json(tmp_path / "steps.jsonl")
    steps = [line for line in lines if "step" in line]
    assert [line.get("step", "epoch") for line in lines] == [
        1, 2, 3, "epoch", 4, 5, 6, "epoch",
    ]  # fmt: skip
    for line in steps:
        assert line == vars(step_end(line["step"], 3))


def test_nan_is_null_in_json_and_nan_in_csv(tmp_path):
    callbacks = start(LOGS, tmp_path)
    for callback in callbacks:
        callback.on_fit_begin(MODEL, Plan(1, 1, 8))
        row = {"epoch": 1, "loss": math.nan, "val_loss": np.float32("inf"), "ok": True}
        callback.on_epoch_end(MODEL, 1, row)
    assert (tmp_path / "log.jsonl").read_text() == (
        '{"epoch": 1, "loss": null, "val_loss": null}\n'
    )
    assert (tmp_path / "log.csv").read_text() == "epoch,loss,val_loss\n1,nan,inf\n"


def test_a_figure_that_only_some_epochs_have(tmp_path):
    (log,) = start("csv_log", tmp_path)
    log.on_fit_begin(MODEL, Plan(3, 1, 8))
    log.on_epoch_end(MODEL, 1, {"epoch": 1, "loss": 0.5})
    log.on_epoch_end(MODEL, 2, {"epoch": 2, "loss": 0.25, "val_loss": 1.0})
    wanted = "epoch,loss,val_loss\n1,0.5,\n2,0.25,1.0\n"
    assert (tmp_path / "log.csv").read_text() == wanted
    (log,) = start("csv_log", tmp_path)
    log.on_fit_begin(MODEL, Plan(3, 1, 8, epoch=2))
    assert (tmp_path / "log.csv").read_text() == wanted
    log.on_epoch_end(MODEL, 3, {"epoch": 3, "loss": 0.125})
    assert (tmp_path / "log.csv").read_text() == f"{wanted}3,0.125,\n"


def test_each_line_is_on_disk_at_once(tmp_path):
    callbacks = start(LOGS, tmp_path)
    play(callbacks, 2, 3, end=6)
    assert len(read_csv(tmp_path / "log.csv")) == 1
    assert len(read_json(tmp_path / "log.jsonl")) == 1
    assert len(read_json(tmp_path / "steps.jsonl")) == 6


def test_a_new_training_begins_a_new_log(tmp_path):
    for _ in range(2):
        play(start(LOGS, tmp_path), 2, 2)
    assert len(read_csv(tmp_path / "log.csv")) == 2
    assert len(read_json(tmp_path / "log.jsonl")) == 2
    play(start(LOGS, tmp_path), 2, 2, end=0)
    assert files(tmp_path) == {"log.csv": "epoch\n", "log.jsonl": "", "steps.jsonl": ""}


# --- resuming ----------------------------------------------------------------------


@st.composite
def crashes(draw, between=True):
    """(epochs, steps, attempts as (begin, checkpoint, crash), where the last begins).

    ``between``: whether checkpoints may lie between an epoch's last step and its end.
    """
    epochs, steps = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    at, attempts = 0, []
    for _ in range(draw(st.integers(0, 3))):
        crash = draw(st.integers(at, epochs * (steps + 1)))
        place = draw(st.integers(at, crash))
        if place % (steps + 1) == steps and not between:
            place -= 1
        attempts.append((at, place, crash))
        at = place
    return epochs, steps, attempts, at


@given(crashes(), st.binary(max_size=8), st.booleans())
@settings(max_examples=40, deadline=None)
def test_no_row_twice_and_none_lost(case, torn, known):
    epochs, steps, attempts, at = case
    with tempfile.TemporaryDirectory() as name:
        straight, broken = Path(name, "straight"), Path(name, "broken")
        play(start(LOGS, straight), epochs, steps, known=known)
        states = None
        for begin, place, crash in attempts:
            _, kept = play(
                start(LOGS, broken),
                epochs,
                steps,
                begin,
                crash,
                states,
                known,
                keep=place,
            )
            with (broken / "steps.jsonl").open("ab") as file:
                file.write(b'{"epoch": ' + torn.replace(b"\n", b"") + b"\xff")
            states = kept
        play(start(LOGS, broken), epochs, steps, at, None, states, known)
        assert files(broken) == files(straight)


def test_a_whole_last_line_without_its_end_is_kept(tmp_path):
    play(start("json_log", tmp_path), 1, 1)
    path = tmp_path / "log.jsonl"
    whole = path.read_text()
    path.write_text(whole.rstrip("\n"))
    play(start("json_log", tmp_path), 2, 1, begin=2)
    assert path.read_text().startswith(whole)
    assert [line["epoch"] for line in read_json(path)] == [1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "it has no column 'epoch', or a column twice"),
        ("epoch,epoch\n1,2\n", "it has no column 'epoch', or a column twice"),
        ("", "it is not a table"),
        ('epoch,"lo\n', "it is not a table"),
        ("epoch,loss\n1,2\n2\n", "row 3 has no epoch, or not one cell a column"),
        ("epoch,loss\n1,2\nx,3\n", "row 3 has no epoch"),
    ],
)
def test_a_table_of_others_is_not_written_over(tmp_path, text, message):
    (tmp_path / "log.csv").write_text(text)
    (log,) = start("csv_log", tmp_path)
    error = fails(
        PolyframeError, lambda: log.on_fit_begin(MODEL, Plan(9, 1, 8, epoch=2)), message
    )
    assert error.startswith(f"{tmp_path / 'log.csv'}: cannot be continued: ")
    assert error.endswith("(move it away to go on with a new log)")
    assert (tmp_path / "log.csv").read_text() == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"epoch": 1}\nx\n{"epoch": 2}\n', "line 2 is not JSON"),
        ('{"epoch": 1, "epoch": 1}\n{"epoch": 2}\n', "line 1 is not JSON"),
        ("[1]\n", "line 1 is not a mapping"),
        ('{"loss": 1}\n', "line 1 has no epoch"),
        ('{"epoch": true}\n', "line 1 has no epoch"),
        ('{"epoch": 3, "step": 1, "index": "0"}\n', "or no index of its step"),
        ("[" * 2**21, "line 1 is not JSON"),
    ],
)
def test_lines_of_others_are_not_written_over(tmp_path, text, message):
    (tmp_path / "log.jsonl").write_text(text)
    (log,) = start("json_log", tmp_path)
    fails(
        PolyframeError, lambda: log.on_fit_begin(MODEL, Plan(9, 1, 8, epoch=2)), message
    )
    assert (tmp_path / "log.jsonl").read_text() == text


@pytest.mark.parametrize("log", ["csv_log", "json_log"])
def test_a_link_is_replaced_and_not_followed(tmp_path, log):
    """A run folder may come from a stranger, and lead elsewhere."""
    mine = tmp_path / "mine"
    mine.write_text("epoch\n" if log == "csv_log" else "")
    (callback,) = start(log, tmp_path / "run")
    (tmp_path / "run").mkdir()
    callback.path.symlink_to(mine)
    before = mine.read_text()
    play([callback], 2, 1, begin=2)
    assert mine.read_text() == before
    assert not callback.path.is_symlink() and "2" in callback.path.read_text()


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    for log in ("csv_log", "json_log", "tensorboard"):
        (callback,) = start(log, tmp_path / "file")
        fails(
            PolyframeError,
            lambda r=callback: r.on_fit_begin(MODEL, Plan(1, 1, 8)),
            "cannot be written: ",
        )
    (callback,) = start("json_log", tmp_path / "run")
    play([callback], 1, 1, end=0)
    callback.path.unlink()
    callback.path.mkdir()
    fails(
        PolyframeError, lambda: callback.on_epoch_end(MODEL, 1, {}), "cannot be written"
    )


# --- TensorBoard -------------------------------------------------------------------


def scalars_of(folder):
    """Tag → {step: value}, as TensorBoard reads them; no step stands there twice."""
    # TensorBoard reads without TensorFlow, which takes seconds to import, if this is there.
    sys.modules.setdefault("tensorboard.compat.notf", ModuleType("notf"))
    reader = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    scalars = {}
    for tag in reader.Tags()["scalars"]:
        events = reader.Scalars(tag)
        scalars[tag] = {event.step: event.value for event in events}
        assert len(scalars[tag]) == len(events)
        assert list(scalars[tag]) == sorted(scalars[tag])
    return scalars


def expected(epochs, steps, every=1):
    every_step = [step_end(s, steps) for s in range(1, epochs * steps + 1)]
    shown = [s for s in every_step if s.step % every == 0]
    scalars = {
        "train/loss": {s.step: np.float32(s.loss) for s in shown},
        "lr": {s.step: np.float32(s.lr) for s in shown},
    }
    for tag, name in {
        "train/accuracy": "accuracy",
        "val/loss": "val_loss",
        "val/accuracy": "val_accuracy",
        "perf/examples_per_sec": "examples_per_sec",
    }.items():
        scalars[tag] = {
            e * steps: np.float32(row_of(e, steps)[name]) for e in range(1, epochs + 1)
        }
    return {tag: values for tag, values in scalars.items() if values}


def test_tensorboard_reads_the_exact_tags(tmp_path):
    play(start("tensorboard", tmp_path), 3, 4)
    assert scalars_of(tmp_path / "tensorboard") == expected(3, 4)


def test_tensorboard_every_few_steps(tmp_path):
    play(start(TensorBoard("events", every=3), tmp_path), 2, 4)
    assert scalars_of(tmp_path / "events") == expected(2, 4, every=3)


def test_tensorboard_has_each_step_at_once(tmp_path):
    callbacks = start("tensorboard", tmp_path)
    play(callbacks, 2, 4, end=3)
    assert list(scalars_of(tmp_path / "tensorboard")["train/loss"]) == [1, 2, 3]
    callbacks[0].close()


@given(crashes(between=False), st.booleans())
@settings(max_examples=15, deadline=None)
def test_tensorboard_forgets_what_a_resume_repeats(case, known):
    epochs, steps, attempts, at = case
    with tempfile.TemporaryDirectory() as name:
        for begin, _, crash in attempts:
            (one,) = start("tensorboard", name)
            play([one], epochs, steps, begin, crash, known=known)
            one.close()
        play(start("tensorboard", name), epochs, steps, at, None, known=known)
        scalars = scalars_of(Path(name, "tensorboard"))
        assert scalars == expected(epochs, steps)


def test_a_resume_between_last_step_and_validation(tmp_path):
    """Nothing is lost: the epoch's values come again, at the same step."""
    (one,) = start("tensorboard", tmp_path)
    play([one], 2, 3, end=3)
    one.close()
    play(start("tensorboard", tmp_path), 2, 3, begin=3)
    assert scalars_of(tmp_path / "tensorboard") == expected(2, 3)


def test_a_training_that_fails_closes_its_files(tmp_path, recwarn):
    callbacks = start("tensorboard", tmp_path)
    play(callbacks, 2, 4, end=3)
    writer = callbacks[0].writer._py_recordio_writer._writer
    callbacks.clear()
    assert writer.closed
