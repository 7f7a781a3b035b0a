"""Callbacks as data, and how they are started."""

from __future__ import annotations

import json
import math
from pathlib import Path
from unittest.mock import patch

import pytest
from helpers.adding import EXAMPLES, taken_away
from helpers.failing import fails
from hypothesis import given
from hypothesis import strategies as st

import polyframe as pf
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
from polyframe.spec.element import element_data
from polyframe.train import Callback
from polyframe.train.callbacks.start import _MAKERS, start

MAKERS = {spec.word: maker for spec, maker in _MAKERS.items()}


def stopper(**options):
    return start(EarlyStopping(**options))[0]


# --- specs -------------------------------------------------------------------------


def test_each_spec_has_a_callback_and_reads_back():
    assert set(MAKERS) == set(CallbackSpec.registry)
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
        assert spec.type in MAKERS


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


def test_auto_mode_asks_the_metric_of_a_plug_in(tmp_path):
    with taken_away():
        pf.load_plugin(EXAMPLES / "one_of_each.py")
        for monitor in ("max_error", "val_max_error", "val_head_max_error"):
            assert EarlyStopping(monitor).smaller is True
        spec = {"type": "model_checkpoint", "monitor": "max_error"}
        (checkpointer,) = start(spec, tmp_path)
        with patch("polyframe.train.model_file.write"):
            for epoch, value in enumerate((3.0, 1.0, 2.0), 1):
                checkpointer.on_epoch_end(None, epoch, {"max_error": value})
        assert checkpointer.best == [1.0, 2.0]
    assert EarlyStopping("max_error").smaller is False  # nothing is known of it


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


def test_file_names_that_pass_stay_in_their_folder():
    passed, refused = set(), set()

    @given(st.text("aZ09._-") | st.text("a/\\ é\n.", max_size=6) | st.text(max_size=12))
    def check(text):
        try:
            name = FileName(".csv").check(f"{text}.csv")
        except ValueError:
            refused.add(text)
            return
        passed.add(text)
        assert (Path("folder") / name).parent == Path("folder")
        assert name.isascii() and name[0].isalnum()

    check()
    assert len(passed) > 3 and len(refused) > 3


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
    callbacks = start(
        [own, "csv_log", {"type": "json_log", "every_step": True}, Timing(), made],
        tmp_path / "run",
    )
    assert callbacks[0] is own and callbacks[4] is made
    assert [type(each) for each in callbacks[1:4]] == [
        MAKERS[word] for word in ("csv_log", "json_log", "timing")
    ]
    assert callbacks[1].path == tmp_path / "run" / "log.csv"
    assert callbacks[2].spec.every_step is True
    assert not (tmp_path / "run").exists()
    assert start([]) == []
    assert type(start("timing")[0]) is MAKERS["timing"]


def test_what_adds_to_rows_comes_first_and_all_else_keeps_its_order():
    callbacks = start(["csv_log", own := Own(), "lr_monitor", "json_log"])
    words = [each.spec.type if each is not own else "own" for each in callbacks]
    assert words == ["lr_monitor", "csv_log", "own", "json_log"]


def test_callbacks_leave_the_device_busy():
    assert all(callback.tolerates_delay for callback in MAKERS.values())


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
