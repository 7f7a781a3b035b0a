"""Early stopping against its definition, and what it leaves in a checkpoint."""

from __future__ import annotations

import json
import math

import pytest
from helpers.failing import fails
from helpers.fake_loop import play, row_of
from hypothesis import given
from hypothesis import strategies as st

from polyframe.errors import PolyframeError
from polyframe.spec.callbacks import (
    EarlyStopping,
)
from polyframe.train.callbacks.start import start


def stopper(**options):
    return start(EarlyStopping(**options))[0]


def feed(callback, values, name="val_loss"):
    """Show a callback epochs of one value; (epoch it stopped at, why)."""
    for epoch, value in enumerate(values, 1):
        try:
            callback.on_epoch_end(
                None, epoch, {"epoch": epoch, "loss": 1.0, name: value}
            )
        except Exception as stop:
            if type(stop).__name__ != "StopTraining":
                raise
            return epoch, str(stop)
    return None


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
        callback = stopper(patience=2, mode=mode)
        assert feed(callback, [1.0, value, value])[0] == 3
        assert callback.seen.best == 1.0


def test_a_figure_that_is_not_there():
    callback = stopper(monitor="val_los")
    text = fails(
        PolyframeError, lambda: callback.on_epoch_end(None, 1, row_of(1, 2)), ""
    )
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
    outcome = feed(stopper(**options, baseline=baseline), values)
    assert (outcome and outcome[0]) == wanted


@given(VALUES, st.integers(1, 4), st.integers(0, 20))
def test_a_resumed_one_stops_at_the_same_epoch(values, patience, cut):
    straight = feed(stopper(patience=patience), values)
    before = stopper(patience=patience)
    if feed(before, values[:cut]) is not None:
        return
    after = stopper(patience=patience)
    after.restore(json.loads(json.dumps(before.state(), allow_nan=False)))
    outcome = None
    for epoch, value in enumerate(values[cut:], cut + 1):
        try:
            after.on_epoch_end(None, epoch, {"val_loss": value})
        except Exception as stop:
            outcome = epoch, str(stop)
            break
    assert outcome == straight


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
