"""The callbacks that add to rows: rates and times."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from helpers.failing import fails
from helpers.fake_loop import play, row_of, step_end

from polyframe.errors import PolyframeError
from polyframe.train import Plan
from polyframe.train.callbacks.start import start


def test_lr_monitor_keeps_changes_and_adds_to_rows():
    (watch,) = start("lr_monitor")
    rows = []
    for epoch in (1, 2):
        for step in range((epoch - 1) * 4 + 1, epoch * 4 + 1):
            watch.on_step_end(None, step_end(step, 4))
        rows.append(row_of(epoch, 4))
        watch.on_epoch_end(None, epoch, rows[-1])
    assert watch.changes == [(1, 0.1), (3, 0.05), (6, 0.025)]
    assert [(r["lr_first"], r["lr_last"]) for r in rows] == [(0.1, 0.05), (0.05, 0.025)]


def test_a_resumed_lr_monitor_knows_its_epochs_first_rate(tmp_path):
    def run(place):
        callbacks = start(["json_log", "lr_monitor"], tmp_path)
        _, states = play(callbacks, 2, 4, end=place)
        play(start(["json_log", "lr_monitor"], tmp_path), 2, 4, place, None, states)
        return (tmp_path / "log.jsonl").read_text()

    assert '"lr_first": 0.1, "lr_last": 0.05' in run(0)
    assert len({run(place) for place in range(11)}) == 1


class Clock:
    """A clock that only goes on when it is told to."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    fake_clock = Clock()
    monkeypatch.setattr("polyframe.train.callbacks.timing.perf_counter", fake_clock)
    return fake_clock


def timed(timer, clock, epoch, gaps):
    for i, gap in enumerate(gaps):
        clock.now += gap
        timer.on_step_end(None, step_end((epoch - 1) * 4 + i + 1, 4))
    clock.now += 50.0  # validation is no step
    row = {"seconds": sum(gaps), "examples_per_sec": 8.0 * epoch}
    timer.on_epoch_end(None, epoch, row)


def test_timing(tmp_path, clock):
    (timer,) = start("timing", tmp_path)
    timer.on_fit_begin(None, Plan(3, 4, 8))
    gaps = [[9.0, 1.0, 2.0, 4.0], [3.0, 2.0, 2.0, 2.5], [1.0]]
    for epoch, each in enumerate(gaps, 1):
        timed(timer, clock, epoch, each)
    timer.on_fit_end(None)
    timings = json.loads((tmp_path / "timing.json").read_text())
    assert timings == {"summary": timer.summary, "epochs": timer.rows}
    for row, each in zip(timings["epochs"], gaps):
        assert row["seconds"] == sum(each)
        assert row["first_step_seconds"] == each[0]
        if len(each) > 1:
            assert row["step_seconds_median"] == pytest.approx(np.median(each[1:]))
            p95 = np.percentile(each[1:], 95)
            assert row["step_seconds_p95"] == pytest.approx(p95)
    assert timings["epochs"][2]["step_seconds_median"] is None
    assert timings["summary"] == {
        "epochs": 3,
        "seconds": 26.5,
        "examples_per_sec": 16.0,
        "first_step_seconds": 9.0,
        "step_seconds_median": 2.0,
        "step_seconds_p95": pytest.approx(3.125),
    }


def test_timing_goes_on_after_a_resume(tmp_path, clock):
    (first,) = start("timing", tmp_path)
    first.on_fit_begin(None, Plan(2, 4, 8))
    timed(first, clock, 1, [1.0] * 4)
    (second,) = start("timing", tmp_path)
    second.restore(json.loads(json.dumps(first.state())))
    second.on_fit_begin(None, Plan(2, 4, 8, epoch=1))
    timed(second, clock, 2, [2.0] * 4)
    assert [row["epoch"] for row in second.rows] == [1, 2]
    assert second.summary["seconds"] == 12.0
    for state in ({}, {"rows": 3}, {"rows": [{"epoch": 1, "seconds": "x"}]}):
        fails(PolyframeError, lambda s=state: second.restore(s), "timing: its state in")


def test_nothing_needs_a_step_or_a_clock_that_moves(tmp_path, clock):
    (timer,) = start("timing", tmp_path)
    timer.on_fit_begin(None, Plan(1, 0, 8))
    timer.on_epoch_end(None, 1, {"epoch": 1})
    assert set(timer.rows[0].values()) == {1, None}
    timer.on_step_end(None, step_end(1, 1))
    timer.on_step_end(None, step_end(2, 1))
    timer.on_epoch_end(
        None, 2, {"seconds": np.float32(0.5), "examples_per_sec": math.inf}
    )
    json.loads((tmp_path / "timing.json").read_text())
    assert timer.rows[1]["step_seconds_median"] == 0.0
