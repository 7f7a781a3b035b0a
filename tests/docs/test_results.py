"""Pages of measurements say what the values are that were kept."""

from __future__ import annotations

import csv
import json

import bench_speed
import curves
import pytest


@pytest.fixture(scope="module")
def kept():
    return json.loads((bench_speed.RESULTS / "speed.json").read_text(encoding="utf-8"))


def test_the_page_on_speed_is_made_of_the_values_that_were_kept(kept):
    page = (bench_speed.RESULTS / "speed.md").read_text(encoding="utf-8")
    assert page == bench_speed.page(kept), "run `python tools/bench_speed.py --page`"


def test_the_last_values_of_the_history_are_the_pages(kept):
    with (bench_speed.RESULTS / "speed.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    last = [row for row in rows if row["commit"] == kept["commit"]]
    values = {(row["what"], row["model"]): float(row["ratio"]) for row in last}
    assert len(values) == sum(map(len, kept["ratios"].values())) > 0
    for what, row in kept["ratios"].items():
        for model, (ratio, *_) in row.items():
            assert values[what, model] == pytest.approx(ratio, abs=5e-5)


@pytest.mark.parametrize(
    ("what", "mean", "words"),
    [
        ("Keras 3 on PyTorch", 3.154, "takes 3.15 times as long as polyframe"),
        ("MXNet by hand", 1.019, "as fast as polyframe"),
        ("MXNet by hand", 0.981, "as fast as polyframe"),
        ("`predict`: ONNX Runtime", 0.5, "polyframe takes 2.00 times as long"),
        ("torch: the program without rewrites", 1.0, "the rewrites change nothing"),
        (f"{bench_speed.LOOP}torch", 1.021, "`fit` takes 2.1% more than the bare loop"),
        (f"{bench_speed.LOOP}torch", 0.979, "`fit` takes 2.1% less than the bare loop"),
        (f"{bench_speed.LOOP}torch", 1.0, "`fit` takes as long as the bare loop"),
    ],
)
def test_means_in_words(what, mean, words):
    assert bench_speed.in_words(what, mean) == words


def test_curves_are_drawn_of_whatever_metrics_the_runs_have(tmp_path):
    row = {"epoch": 1, "loss": 0.5, "mean_iou": 0.4, "val_loss": 0.6, "lr": 0.1}
    runs = [
        {"name": "a", "backend": "torch", "folder": "a", "history": [row], "test": {}},
        {
            "name": "b",
            "backend": "torch",
            "folder": "b",
            "history": [{**row, "epoch": 2}],
            "test": {"mean_iou": 0.3},
        },
    ]
    assert curves.names_in(runs) == ["loss", "mean_iou"]
    curves.draw(runs, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
