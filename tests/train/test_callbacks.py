"""Callbacks as data, how they are started, early stopping, rates and times."""

from __future__ import annotations

import json
import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.failing import fails
from helpers.fake_loop import play, row_of, step_end
from hypothesis import given
from hypothesis import strategies as st

from polyframe.errors import PolyframeError, SpecError
from polyframe.spec.callbacks import (
    CallbackSpec,
    CsvLog,
    EarlyStopping,
    FileName,
    JsonLog,
    TensorBoard,
    Timing,
    Wandb,
    smaller_is_better,
)
from polyframe.spec.text import element_data
from polyframe.train import Callback, Plan
from polyframe.train.callbacks.start import _MAKERS, start

RUNNERS = {spec.word: maker for spec, maker in _MAKERS.items()}


def stopper(**options):
    return start(EarlyStopping(**options))[0]


def feed(runner, values, name="val_loss"):
    """Show a runner epochs of one figure; (epoch it stopped at, why)."""
    for epoch, value in enumerate(values, 1):
        try:
            runner.on_epoch_end(None, epoch, {"epoch": epoch, "loss": 1.0, name: value})
        except Exception as stop:
            if type(stop).__name__ != "StopTraining":
                raise
            return epoch, str(stop)
    return None


# --- specs -------------------------------------------------------------------------


def test_each_spec_has_a_runner_and_reads_back():
    assert set(RUNNERS) == set(CallbackSpec.registry)
    for spec in (
        EarlyStopping("val_accuracy", 3, 0.01, "max", 0.5),
        CsvLog("a.csv"),
        JsonLog(every_step=True),
        TensorBoard("events", 10),
        Timing(),
        Wandb("my project", run="first"),
    ):
        data = json.loads(json.dumps(element_data(spec)))
        assert CallbackSpec.parse(data) == spec
        assert spec.type in RUNNERS


@pytest.mark.parametrize(
    ("monitor", "smaller"),
    [
        ("val_loss", True),
        ("loss", True),
        ("val_mse", True),
        ("rmse", True),
        ("mae", True),
        ("val_accuracy", False),
        ("f1", False),
        ("loss_scale", False),
    ],
)
def test_auto_mode_goes_by_the_names_end(monitor, smaller):
    assert smaller_is_better(monitor) is smaller
    assert EarlyStopping(monitor).smaller is smaller
    assert EarlyStopping(monitor, mode="max").smaller is False
    assert EarlyStopping(monitor, mode="min").smaller is True


@pytest.mark.parametrize(
    "name",
    [
        "../log.csv", "a/b.csv", "a\\b.csv", "/log.csv", ".log.csv", ".csv", "log.txt",
        "log.csv\n", "", "lög.csv", "-log.csv", "a b.csv", "metrics.csv", "Metrics.csv",
        "x" * 61 + ".csv", "program_torch.csv", "c:log.csv", "log.CSV", None, 3,
    ],
)  # fmt: skip
def test_a_file_name_reaches_nothing_else(name):
    text = fails(SpecError, lambda: CsvLog(name), "csv_log: file is")
    assert "a plain name, ending in .csv, (a letter or digit" in text


@pytest.mark.parametrize(
    "name", ["checkpoint", "WEIGHTS.safetensors", "wandb", "..", "."]
)
def test_a_folder_name_is_none_of_the_run_folder(name):
    fails(
        SpecError, lambda: TensorBoard(name), "that the run folder does not use itself"
    )


@given(st.text(max_size=12))
def test_file_names_that_pass_stay_in_their_folder(text):
    from pathlib import Path

    try:
        name = FileName(".csv").check(f"{text}.csv")
    except ValueError:
        return
    assert (Path("folder") / name).parent == Path("folder")
    assert name.isascii() and name[0].isalnum()


def test_errors_of_specs():
    fails(SpecError, lambda: EarlyStopping(patience=0), "patience is 0; a whole number")
    fails(SpecError, lambda: EarlyStopping(mode="lower"), "'auto' or 'min' or 'max'")
    fails(SpecError, lambda: EarlyStopping(min_delta=-1), "min_delta is -1; a finite")
    fails(SpecError, lambda: EarlyStopping(baseline=math.nan), "or nothing is needed")
    fails(SpecError, lambda: TensorBoard(every=0), "every is 0; a whole number from 1")


# --- start -------------------------------------------------------------------------


class Own(Callback):
    pass


def test_start_takes_objects_specs_names_and_mappings(tmp_path):
    own, made = Own(), stopper()
    found = start(
        [own, "csv_log", {"type": "json_log", "every_step": True}, Timing(), made],
        tmp_path / "run",
    )
    assert found[0] is own and found[4] is made
    assert [type(each) for each in found[1:4]] == [
        RUNNERS[word] for word in ("csv_log", "json_log", "timing")
    ]
    assert found[1].path == tmp_path / "run" / "log.csv"
    assert found[2].spec.every_step is True
    assert not (tmp_path / "run").exists()
    assert start([]) == []
    assert type(start("timing")[0]) is RUNNERS["timing"]


def test_what_adds_to_rows_comes_first_and_all_else_keeps_its_order():
    found = start(["csv_log", own := Own(), "lr_monitor", "json_log"])
    words = [each.spec.type if each is not own else "own" for each in found]
    assert words == ["lr_monitor", "csv_log", "own", "json_log"]


def test_runners_leave_the_device_busy():
    assert all(runner.tolerates_delay for runner in RUNNERS.values())


def test_errors_of_start():
    fails(SpecError, lambda: start(["csv_logs"]), "Did you mean 'csv_log'?")
    fails(
        PolyframeError,
        lambda: start([Own]),
        "callbacks: got <class 'test_callbacks.Own'>; an object of a class of "
        "polyframe.train.Callback, a callback's name, or {type: name, …} is needed",
    )
    fails(
        PolyframeError,
        lambda: start(["csv_log", CsvLog("LOG.csv")]),
        "callbacks: 2 callbacks write log.csv (give each a name of its own)",
    )
    both = start([CsvLog("a.csv"), CsvLog("b.csv"), "json_log"])
    assert len(both) == 3


# --- early stopping ----------------------------------------------------------------


def test_it_stops_behind_its_patience_and_says_why():
    epoch, why = feed(stopper(patience=2), [3.0, 1.0, 1.0, 2.0, 0.5])
    assert epoch == 4
    assert why == (
        "early_stopping: val_loss has not improved for 2 epochs; its best was 1 in epoch 2"
    )
    assert feed(stopper(patience=2), [3.0, 1.0, 1.0, 0.9, 1.0]) is None
    assert feed(stopper(patience=1), [1.0, 1.0])[1].endswith(
        "for 1 epoch; its best was 1 in epoch 1"
    )


def test_larger_is_better_where_the_mode_says_so():
    names = {"monitor": "val_accuracy", "patience": 2}
    values = [0.5, 0.6, 0.6, 0.55, 0.9]
    assert feed(stopper(**names), values, "val_accuracy")[0] == 4
    assert feed(stopper(**names, mode="min"), values, "val_accuracy")[0] == 3


def test_an_improvement_beats_the_best_by_more_than_min_delta():
    assert feed(stopper(patience=2, min_delta=0.25), [1.0, 0.75, 0.75])[0] == 3
    assert feed(stopper(patience=2, min_delta=0.25), [1.0, 0.5, 0.5]) is None


def test_a_baseline_has_to_be_beaten():
    epoch, why = feed(stopper(patience=3, baseline=0.5), [3.0, 2.0, 1.0, 0.1])
    assert epoch == 3
    assert why == (
        "early_stopping: val_loss has not improved beyond 0.5 for 3 epochs; its best "
        "was 1 in epoch 3"
    )
    assert feed(stopper(patience=3, baseline=0.5), [3.0, 2.0, 0.4, 0.3, 0.4]) is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_never_improve(value):
    epoch, why = feed(stopper(patience=2), [value, value])
    assert epoch == 2 and why.endswith("for 2 epochs; it was never finite")
    for mode in ("min", "max"):
        runner = stopper(patience=2, mode=mode)
        assert feed(runner, [1.0, value, value])[0] == 3
        assert runner.best == 1.0


def test_a_figure_that_is_not_there():
    runner = stopper(monitor="val_los")
    text = fails(PolyframeError, lambda: runner.on_epoch_end(None, 1, row_of(1, 2)), "")
    assert text == (
        "early_stopping: monitor 'val_los' is not a value of this training. Did you mean "
        "'val_loss'? (known: epoch, loss, accuracy, val_loss, val_accuracy, lr, seconds, "
        "examples_per_sec; val_… needs validation data)"
    )
    fails(
        PolyframeError,
        lambda: stopper(monitor="confusion").on_epoch_end(None, 1, row_of(1, 2)),
        "monitor 'confusion' is not a number",
    )


VALUES = st.lists(
    st.one_of(
        st.sampled_from([math.nan, math.inf, -math.inf]),
        st.integers(-8, 8).map(lambda n: n / 4),
    ),
    min_size=1,
    max_size=20,
)


@given(
    VALUES,
    st.integers(1, 4),
    st.sampled_from([0.0, 0.25, 1.0]),
    st.sampled_from(["min", "max"]),
    st.sampled_from([None, 0.0, 0.5]),
)
def test_it_stops_where_the_definition_says(values, patience, delta, mode, baseline):
    """The definition, written the long way round: at the end of each epoch look back
    over all of them."""
    sign = 1 if mode == "min" else -1

    def improvements():
        best = math.inf
        for epoch, value in enumerate(values, 1):
            if math.isfinite(value) and sign * value < best - delta:
                best = sign * value
                if baseline is None or sign * value < sign * baseline - delta:
                    yield epoch

    good = {0, *improvements()}
    stale = (
        epoch
        for epoch in range(patience, len(values) + 1)
        if good.isdisjoint(range(epoch - patience + 1, epoch + 1))
    )
    wanted = next(stale, None)
    options = {"patience": patience, "min_delta": delta, "mode": mode}
    found = feed(stopper(**options, baseline=baseline), values)
    assert (found and found[0]) == wanted


@given(VALUES, st.integers(1, 4), st.integers(0, 20))
def test_a_resumed_one_stops_at_the_same_epoch(values, patience, cut):
    straight = feed(stopper(patience=patience), values)
    before = stopper(patience=patience)
    if feed(before, values[:cut]) is not None:
        return
    after = stopper(patience=patience)
    after.restore(json.loads(json.dumps(before.state(), allow_nan=False)))
    found = None
    for epoch, value in enumerate(values[cut:], cut + 1):
        try:
            after.on_epoch_end(None, epoch, {"val_loss": value})
        except Exception as stop:
            found = epoch, str(stop)
            break
    assert found == straight


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"best": "1", "best_epoch": 1, "waited": 0}, "best is '1'; a finite number"),
        ({"best": math.nan, "best_epoch": 1, "waited": 0}, "best is nan"),
        ({"best": 1.0, "best_epoch": 1, "waited": -1}, "waited is -1; a whole number"),
        ({}, "best_epoch is None; a whole number"),
        ([1], "[1] is not a mapping"),
    ],
)
def test_a_damaged_state(state, message):
    text = fails(PolyframeError, lambda: stopper().restore(state), message)
    assert text.startswith("early_stopping: its state in the checkpoint is damaged: ")


def test_all_others_still_see_the_epoch_it_stops_at(tmp_path):
    callbacks = start([EarlyStopping(patience=1), "csv_log"], tmp_path)
    stopped, _ = play(callbacks, 5, 2, val=[1.0, 2.0, 3.0, 4.0, 5.0])
    assert stopped.endswith("its best was 1 in epoch 1")
    assert (tmp_path / "log.csv").read_text().count("\n") == 3


# --- rates and times ---------------------------------------------------------------


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
    found = Clock()
    monkeypatch.setattr("polyframe.train.callbacks.timing.perf_counter", found)
    return found


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
    found = json.loads((tmp_path / "timing.json").read_text())
    assert found == {"summary": timer.summary, "epochs": timer.rows}
    for row, each in zip(found["epochs"], gaps):
        assert row["seconds"] == sum(each)
        assert row["first_step_seconds"] == each[0]
        if len(each) > 1:
            assert row["step_seconds_median"] == pytest.approx(np.median(each[1:]))
            p95 = np.percentile(each[1:], 95)
            assert row["step_seconds_p95"] == pytest.approx(p95)
    assert found["epochs"][2]["step_seconds_median"] is None
    assert found["summary"] == {
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


# --- optional packages -------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "module", "install"),
    [
        ("tensorboard", "tensorboardX", "pip install 'polyframe[tensorboard]'"),
        ("wandb", "wandb", "pip install wandb"),
        ("mlflow", "mlflow", "pip install mlflow"),
    ],
)
def test_a_missing_package_says_how_to_get_it(word, module, install, monkeypatch):
    for name in [n for n in sys.modules if n.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    text = fails(
        PolyframeError, lambda: start(word), f"{word}: needs {module}, which does not"
    )
    assert text.endswith(f"(install it with: {install})")


class FakeWandb(SimpleNamespace):
    """What the logger uses of wandb, with its rule on steps."""

    def __init__(self):
        super().__init__(begun=[], rows={}, finished=0)

    def init(self, **options):
        self.begun.append(options)
        return SimpleNamespace(id=options["id"] or "abc", log=self.log, finish=self.end)

    def log(self, values, step):
        if step >= max(self.rows, default=0):
            self.rows.setdefault(step, {}).update(values)

    def end(self):
        self.finished += 1


def test_wandb(tmp_path, monkeypatch):
    fake = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    make = Wandb("net", run="first")
    # It crashes two events behind its checkpoint.
    _, states = play(start(make, tmp_path / "run"), 2, 3, end=7, keep=5)
    play(start(make, tmp_path / "run"), 2, 3, 5, None, states)
    folder = str((tmp_path / "run").resolve())
    common = {"project": "net", "name": "first", "dir": folder}
    assert fake.begun == [
        {**common, "id": None, "resume": None},
        {**common, "id": "abc", "resume": "allow"},
    ]
    assert sorted(fake.rows) == [1, 2, 3, 4, 5, 6]
    assert fake.rows[2] == {"train/loss": 1 / 2, "lr": 0.1}
    assert fake.rows[3] == {
        "train/loss": 1 / 3,
        "lr": 0.05,
        "train/accuracy": 0.5,
        "val/loss": 2.0,
        "val/accuracy": 0.5,
        "perf/examples_per_sec": 12.0,
    }
    assert fake.finished == 1


class FakeMlflow(SimpleNamespace):
    """What the logger uses of mlflow; each row that is sent stays."""

    def __init__(self):
        super().__init__(calls=[], rows=[], ended=0)

    def set_experiment(self, name):
        self.calls.append(name)

    def start_run(self, **options):
        self.calls.append(options)
        last = {"epoch": float(self.rows[-1][1]["epoch"])} if self.rows else {}
        return SimpleNamespace(
            info=SimpleNamespace(run_id="r1"), data=SimpleNamespace(metrics=last)
        )

    def log_metrics(self, values, step):
        self.rows.append((step, values))

    def end_run(self):
        self.ended += 1


def test_mlflow(tmp_path, monkeypatch):
    fake = FakeMlflow()
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    make = {"type": "mlflow", "experiment": "nets"}
    # It crashes an epoch behind its checkpoint.
    _, states = play(start(make, tmp_path), 3, 2, end=6, keep=3)
    play(start(make, tmp_path), 3, 2, 3, None, states)
    assert fake.calls == ["nets", {"run_name": None}, "nets", {"run_id": "r1"}]
    assert [(step, row["epoch"]) for step, row in fake.rows] == [(2, 1), (4, 2), (6, 3)]
    assert fake.rows[0][1] == {
        "epoch": 1,
        "train/loss": 0.75,
        "train/accuracy": 0.5,
        "val/loss": 2.0,
        "val/accuracy": 0.5,
        "lr": 0.1,
        "perf/examples_per_sec": 8.0,
    }
    assert fake.ended == 1


def test_a_service_that_refuses(tmp_path, monkeypatch):
    fake = FakeWandb()
    fake.init = lambda **options: (_ for _ in ()).throw(ValueError("no login"))
    monkeypatch.setitem(sys.modules, "wandb", fake)
    (logger,) = start("wandb", tmp_path)
    fails(
        PolyframeError,
        lambda: logger.on_fit_begin(SimpleNamespace(step=0), Plan(1, 1, 1)),
        "wandb: could not begin a run: ValueError: no login",
    )
    logger.on_fit_end(None)
    assert fake.finished == 0
    damaged = "wandb: its state in the checkpoint is damaged: run is 7"
    fails(PolyframeError, lambda: logger.restore({"run": 7}), damaged)
