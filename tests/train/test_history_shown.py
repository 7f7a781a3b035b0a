"""How a history shows itself: a table, curves, a figure."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.failing import fails

import polyframe as pf
from polyframe.train import History


def rows(count, **more):
    return [
        {
            "epoch": i,
            "loss": 2 / i,
            "accuracy": np.float32(1 - 1 / i),
            "confusion_matrix": np.eye(2),
            "val_loss": 3 / i,
            "lr": 0.1,
            "seconds": 2.0,
            "examples_per_sec": 50.0,
            **more,
        }
        for i in range(1, count + 1)
    ]


def test_a_short_history_is_a_table_and_curves():
    history = History(rows(3), stopped="early_stopping: <no better>")
    forms = history._repr_mimebundle_()
    assert forms["text/plain"].splitlines() == [
        "History: 3 epochs",
        "Stopped: early_stopping: <no better>",
        "",
        "epoch    loss  accuracy  val_loss   lr  seconds  examples_per_sec",
        "    1  2.0000    0.00 %    3.0000  0.1      2.0                50",
        "    2  1.0000   50.00 %    1.5000  0.1      2.0                50",
        "    3  0.6667   66.67 %    1.0000  0.1      2.0                50",
    ]
    html = forms["text/html"]
    assert "&lt;no better&gt;" in html
    assert html.count("<svg") == 2  # loss and accuracy; nothing of time or rates
    assert 'aria-label="loss by epoch: loss, val_loss"' in html


def test_a_long_one_shows_its_ends_and_folds_the_rest():
    html = History(rows(40))._repr_html_()
    assert "All 40 epochs" in html
    assert html.count("<tr>") == (1 + 10) + (1 + 40)


def test_epochs_that_differ_in_what_they_have():
    history = History([*rows(1), {"epoch": 2, "loss": 1.0, "f1": 0.5}])
    line = history._text().splitlines()[-1]
    assert line.split() == ["2", "1.0000", "-", "-", "-", "-", "-", "0.5000"]
    axes = history.plot().axes
    assert [a.get_title() for a in axes] == ["loss", "accuracy", "f1"]
    assert math.isnan(axes[2].lines[0].get_ydata()[0])


def test_at_a_prompt_it_is_one_line():
    assert repr(History()) == "<History: 0 epochs>"
    text = "epoch 1  loss 2.0000  accuracy 0.00 %  val_loss 3.0000  lr 0.1"
    assert repr(History(rows(1))).startswith(f"<History: 1 epoch; {text}  seconds")


def test_an_empty_history_says_so():
    assert History()._text() == "History: 0 epochs"
    assert History()._repr_html_()
    fails(pf.PolyframeError, History().plot, "no epoch has ended")


@pytest.mark.parametrize("count", [1, 5])
def test_the_figure_has_the_numbers(count):
    history = History(rows(count))
    loss, accuracy = history.plot().axes
    assert [line.get_label() for line in loss.lines] == ["loss", "val_loss"]
    np.testing.assert_array_equal(loss.lines[0].get_xdata(), history["epoch"])
    for line in loss.lines:
        np.testing.assert_array_equal(line.get_ydata(), history[line.get_label()])
    assert accuracy.get_title() == "accuracy" and len(accuracy.lines) == 1


def test_many_values_have_rows_of_panels():
    figure = History(rows(2, f1=0.5, auroc=0.25)).plot()
    seen = [a.get_title() for a in figure.axes if a.get_visible()]
    assert seen == ["loss", "accuracy", "f1", "auroc"] and len(figure.axes) == 6
