"""How a training shows itself: the pace, lines in a pipe, the bar on a terminal."""

from __future__ import annotations

import math
import re
from io import StringIO
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.fake_loop import row_of, step_end
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from polyframe.train import Plan, StepEnd
from polyframe.train.callbacks.bars import EVERY, Bar, Lines, Pace, duration

MODEL = SimpleNamespace(
    spec=SimpleNamespace(name="small[net]"),
    backend=SimpleNamespace(title="PyTorch"),
    device="cpu",
    dtype="float32",
    graph=SimpleNamespace(num_parameters=12345),
)
HEAD = "small[net] on PyTorch, device cpu, float32: 12,345 parameters"


class Clock:
    """A clock that only goes on when it is told to."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    fake_clock = Clock()
    monkeypatch.setattr("polyframe.train.callbacks.bars.perf_counter", fake_clock)
    return fake_clock


def steps_of(watcher, clock, first, last, steps, seconds=1.0):
    """Tell of the steps from ``first`` to ``last``, so many seconds apart."""
    for number in range(first, last + 1):
        clock.now += seconds
        watcher.on_step_end(MODEL, step_end(number, steps))


# --- pace --------------------------------------------------------------------------


def paced(clock, plan, *events):
    """A pace after (seconds, step or None for an epoch's end)."""
    pace = Pace(plan)
    for seconds, step in events:
        clock.now += seconds
        pace.epoch() if step is None else pace.step(step)
    return pace


def test_rate_and_time_left(clock):
    plan = Plan(3, 4, 8)
    steps = [step_end(number, 4) for number in range(1, 13)]
    # The first step compiles for a minute, which says nothing about the others.
    pace = paced(clock, plan, (60, steps[0]))
    assert pace.rate is None and pace.left is None
    assert pace.text() == "loss 1.0000"
    pace = paced(clock, plan, (60, steps[0]), (2, steps[1]), (2, steps[2]))
    assert pace.rate == 4.0
    assert pace.left == 9 * 2.0
    # Validation of 5 seconds is to come twice; the rate is that of the steps alone.
    first = [(60, steps[0]), (2, steps[1]), (2, steps[2]), (2, steps[3]), (5, None)]
    pace = paced(clock, plan, *first, (7, steps[4]))
    assert pace.rate == 4.0
    assert pace.left == 7 * 2.0 + 2 * 5.0
    pace = paced(clock, plan, *first, (7, steps[4]), (1, steps[5]))
    assert pace.rate == 8.0
    assert pace.left == 6 * 1.0 + 2 * 5.0


def test_an_unknown_number_of_steps_is_known_behind_the_first_epoch(clock):
    plan = Plan(2, None, None)
    first = [(1, step_end(number, 3)) for number in (1, 2, 3)]
    pace = paced(clock, plan, *first)
    assert pace.position() == "epoch 1/2 step 3" and pace.left is None
    assert pace.text().endswith("examples/s")
    pace = paced(clock, plan, *first, (0, None), (1, step_end(4, 3)))
    assert pace.position() == "epoch 2/2 step 1/3" and pace.left == 2.0


def test_an_epoch_longer_than_the_last_leaves_no_negative_time(clock):
    pace = paced(clock, Plan(1, 2, 8), *((1, step_end(n, 9)) for n in range(1, 6)))
    assert pace.left == 0.0


def test_a_resumed_pace_begins_where_the_training_does(clock):
    pace = Pace(Plan(5, 10, 8, epoch=2, step=4))
    assert (pace.done, pace.position()) == (24, "epoch 3/5 step 4/10")
    pace.step(step_end(25, 10))
    assert (pace.done, pace.position()) == (25, "epoch 3/5 step 5/10")
    assert Pace(Plan(5, None, None, epoch=2, step=4)).position() == "epoch 3/5 step 4"


def test_a_resume_between_last_step_and_validation(clock):
    pace = Pace(Plan(2, None, 8, epoch=0, step=3))
    pace.epoch()
    assert pace.steps is None and pace.left is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50))
def test_the_smoothed_loss_is_its_definition(losses):
    pace = Pace(Plan(1, 50, 8))
    for index, loss in enumerate(losses):
        pace.step(StepEnd(1, index, index + 1, loss, 0.1, 8))
    weights = 0.98 ** np.arange(len(losses))[::-1]
    assert math.isclose(
        pace.loss, np.average(losses, weights=weights), rel_tol=1e-9, abs_tol=1e-6
    )


def test_a_loss_that_is_not_finite_is_shown_and_forgotten(clock):
    pace = Pace(Plan(1, 50, 8))
    for index, loss in enumerate([2.0, math.nan]):
        pace.step(StepEnd(1, index, index + 1, loss, 0.1, 8))
    assert pace.text().startswith("loss nan")
    pace.step(StepEnd(1, 2, 3, 2.0, 0.1, 8))
    assert pace.text().startswith("loss 2.0000")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (6.2, "0:07"), (59.5, "1:00"), (727, "12:07"), (11527, "3:12:07")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


# --- lines -------------------------------------------------------------------------


def test_a_line_an_epoch(clock, capsys):
    lines = Lines()
    lines.on_fit_begin(MODEL, Plan(2, 3, 8))
    steps_of(lines, clock, 1, 3, 3)
    lines.on_epoch_end(MODEL, 1, row_of(1, 3))
    lines.on_fit_end(MODEL)
    lines.close()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        HEAD,
        "epoch 1/2  loss 0.6111  accuracy 50.00 %  val_loss 2.0000  val_accuracy 50.00 %"
        "  seconds 2.0  examples_per_sec 12",
    ]


def test_a_long_epoch_says_how_far_it_is(clock, capsys):
    lines = Lines()
    lines.on_fit_begin(MODEL, Plan(2, 100, 8))
    steps_of(lines, clock, 1, 90, 100)
    lines.on_epoch_end(MODEL, 1, row_of(1, 100))
    steps_of(lines, clock, 101, 129, 100)
    messages = capsys.readouterr().err.splitlines()[1:]
    assert [line.split("  ")[0] for line in messages] == [
        "epoch 1/2 step 30/100",
        "epoch 1/2 step 60/100",
        "epoch 1/2 step 90/100",
        "epoch 1/2",
    ]
    assert re.fullmatch(
        r"epoch 1/2 step 60/100  loss 0\.\d{4}  8 examples/s  2:20 left", messages[1]
    )
    assert EVERY == 30.0


def test_a_resumed_training_says_so(clock, capsys):
    for plan, wanted in [
        (Plan(5, 9, 8, epoch=2), "resumes at epoch 3"),
        (Plan(5, 9, 8, epoch=2, step=4), "resumes at epoch 3, step 5"),
        (Plan(5, None, None, step=4), "resumes at epoch 1, step 5"),
    ]:
        Lines().on_fit_begin(MODEL, plan)
        assert capsys.readouterr().err.splitlines() == [HEAD, wanted]


# --- bar ---------------------------------------------------------------------------


def shown(width=110, **options):
    """A bar on a terminal of that width, and what it has written so far."""
    file = StringIO()
    console = Console(file=file, force_terminal=True, width=width, color_system=None)
    bar = Bar(console)
    bar.progress.auto_refresh = bar.progress.live.auto_refresh = False

    def text():
        bar.progress.refresh()
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue())

    return bar, text


def test_the_bar(clock):
    bar, text = shown()
    bar.on_fit_begin(MODEL, Plan(2, 4, 8))
    assert HEAD in text() and "epoch 1/2 step 0/4" in text()
    steps_of(bar, clock, 1, 3, 4)
    last = text().splitlines()[-1]
    assert last.startswith("epoch 1/2 step 3/4 ━")
    assert last.rstrip().endswith(" 38%  loss 0.6066  8 examples/s  0:05 left")
    steps_of(bar, clock, 4, 4, 4)
    bar.on_epoch_end(MODEL, 1, row_of(1, 4))
    steps_of(bar, clock, 5, 6, 4)
    lines = text().splitlines()
    last = lines[-1]
    assert (
        "epoch 1/2  loss 0.5208  accuracy 50.00 %  val_loss 2.0000  val_accuracy "
        "50.00 %  seconds 2.0  examples_per_sec 16"
    ) in lines
    assert last.startswith("epoch 2/2 step 2/4 ━") and " 75%  loss 0." in last
    bar.close()
    assert bar.progress.console.file.getvalue().endswith("\x1b[1A\x1b[2K")


def test_the_bar_goes_on_where_a_training_does(clock):
    bar, text = shown()
    bar.on_fit_begin(MODEL, Plan(4, 10, 8, epoch=2, step=5))
    assert "resumes at epoch 3, step 6" in text()
    assert text().splitlines()[-1].startswith("epoch 3/4 step 5/10 ━")
    assert " 62%" in text().splitlines()[-1]
    (task,) = bar.progress.tasks
    assert (task.completed, task.total) == (25, 40)
    steps_of(bar, clock, 26, 27, 10)
    assert (task.completed, task.total) == (27, 40)
    # 13 more steps of a second each.
    assert text().splitlines()[-1].rstrip().endswith("8 examples/s  0:13 left")
    bar.close()


def test_the_bar_of_an_iterator(clock):
    bar, text = shown()
    bar.on_fit_begin(MODEL, Plan(2, None, None))
    steps_of(bar, clock, 1, 3, 3)
    (task,) = bar.progress.tasks
    last = text().splitlines()[-1]
    assert task.total is None
    assert last.startswith("epoch 1/2 step 3 ") and "%" not in last
    bar.on_epoch_end(MODEL, 1, row_of(1, 3))
    steps_of(bar, clock, 4, 4, 3)
    assert (task.completed, task.total) == (4, 6)
    assert "epoch 2/2 step 1/3" in text() and " 67%" in text()
    bar.close()


@pytest.mark.parametrize("width", [80, 200])
def test_the_bar_fits_its_terminal(clock, width):
    bar, text = shown(width)
    bar.on_fit_begin(MODEL, Plan(10, 1000, 8))
    steps_of(bar, clock, 9801, 9850, 1000, seconds=1e-3)
    last = text().splitlines()[-1]
    assert "epoch 10/10 step 850/1000" in last
    assert re.search(r"98%  loss 0\.\d+  8,000 examples/s  0:01 left", last)
    assert len(last) <= width
    bar.close()


def test_the_bar_can_be_closed_at_any_time():
    bar, text = shown()
    bar.close()
    bar, text = shown()
    bar.on_fit_begin(MODEL, Plan(1, 1, 8))
    bar.close()
    bar.close()


def test_nothing_waits_for_it():
    assert Lines.tolerates_delay and Bar.tolerates_delay
