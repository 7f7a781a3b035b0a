"""The plot of a comparison: a bar for each contestant."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from polyframe.bench.run import OPS, Result
from polyframe.io.plotting import figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLES = {"step": "training step", "predict": "prediction"}
COLOURS = {
    "fit": "#1b6ca8",
    "program": "#5fa3d3",
    "idiomatic": "#a9cbe4",
    "hand": "#c8693c",
    "keras": "#8d8d8d",
    "onnxruntime": "#5b8c5a",
}


def plot(result: Result) -> bytes:
    """A PNG: a panel for each operation, with bars for the medians and error bars for the
    quartiles; PolyframeError if matplotlib is not installed."""
    height = 1.2 + 0.32 * len(result.entrants)
    made = figure(11, height)
    for axes, op in zip(made.subplots(1, len(OPS)), OPS, strict=True):
        draw(axes, result, op)
    s = result.settings
    made.suptitle(f"{s.name}, batch {s.batch}, {s.dtype}, {s.threads} threads")
    file = io.BytesIO()
    made.savefig(file, format="png", dpi=120)
    return file.getvalue()


def draw(axes: Axes, result: Result, op: str) -> None:
    """One panel."""
    entrants = [e for e in reversed(result.entrants) if e.name in result.turns[op]]
    spreads = [result.spread(op, e.name) for e in entrants]
    times = [1e3 * s.median for s in spreads if s is not None]
    errors = [
        [1e3 * (s.median - s.low) for s in spreads if s is not None],
        [1e3 * (s.high - s.median) for s in spreads if s is not None],
    ]
    bars = axes.barh(
        [e.name for e in entrants],
        times,
        xerr=errors,
        color=[COLOURS[e.kind] for e in entrants],
        ecolor="#333333",
        capsize=2,
    )
    axes.bar_label(bars, [f" {t:.1f}" for t in times], fontsize=8, padding=8)
    axes.set_title(f"{TITLES[op]}, ms (less is better)", fontsize=10)
    axes.tick_params(labelsize=8)
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)
