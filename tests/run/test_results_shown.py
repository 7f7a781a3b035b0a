"""How the results of a run, and predictions, show themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from polyframe.run.predictions import Predictions
from polyframe.run.train import RunResult

ROWS = [{"epoch": i, "loss": 1 / i, "val_loss": 2 / i} for i in (1, 2)]


def result(status="done"):
    return RunResult(
        path=Path("runs/<a>"), program=Path("runs/<a>/program.py"), status=status,
        history=ROWS, test={"loss": 0.5, "accuracy": 0.875}, seconds=12.34,
        stopped=None, classes=(), model=None,
    )  # fmt: skip


def test_a_run_shows_its_history_and_its_test():
    text = result()._text().splitlines()
    assert text[0] == "Run: done"
    assert "Test:    loss 0.5000  accuracy 87.50 %" in text
    assert "    2  0.5000    1.0000" in text
    html = result()._repr_html_()
    assert "runs/&lt;a&gt;" in html and html.count("<svg") == 1
    assert 'class="pf-bad">failed' in result("failed")._repr_html_()


def test_predictions_show_their_first_samples():
    outputs = {"fc": np.zeros((12, 2))}
    likely, sure = np.arange(12) % 2, np.full(12, 0.75)
    predictions = Predictions(outputs, likely, sure, ("cat", "<dog>"))
    html = predictions._repr_html_()
    assert html.count("<tr>") == 1 + 10 and "The first 10 are shown." in html
    assert "&lt;dog&gt;" in html and "<dog>" not in html
    lines = predictions._text().splitlines()
    assert lines[0] == "Predictions: 12 samples"
    assert lines[4].split() == ["0", "0", "cat", "75.00", "%"]
    assert Predictions({"fc": np.zeros((0, 2))})._text() == "Predictions: 0 samples"
